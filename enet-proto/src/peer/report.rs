//! A connection's numbers for the outside, and its self-checks.

use enet_wire::ChannelId;

use super::Connection;
use crate::channel::account::ENTRY;
use crate::shared::Shared;
use crate::stats::{ChannelStats, PeerStats};

impl Connection {
    pub(crate) fn stats(&self, shared: &Shared) -> PeerStats {
        let (listed, queued) = self.outgoing.count(&shared.commands);
        let in_flight = listed + usize::from(self.outgoing.has_lone_ping());
        let resent = self.resent();
        PeerStats {
            round_trip_time: self.rtt.mean,
            round_trip_time_variance: self.rtt.variance,
            lowest_round_trip_time: self.rtt.lowest,
            highest_round_trip_time_variance: self.rtt.highest_variance,
            last_round_trip_time: self.rtt.last,
            last_round_trip_time_variance: self.rtt.last_variance,
            throttle: self.throttle.value,
            throttle_limit: self.throttle.limit,
            reliable_data_in_transit: self.outgoing.bytes(),
            packets_sent: self.loss.sent,
            packets_lost: self.loss.lost,
            packet_loss: self.loss.loss,
            packet_loss_variance: self.loss.variance,
            retransmissions: resent.retransmissions,
            needless_retransmissions: resent.needless,
            copies: resent.copies,
            packet_loss_epoch: self.loss.epoch.0,
            last_packet_loss: self.loss.last.saturating_sub(1),
            throttle_counter: self.throttle.counter,
            throttle_epoch: self.rtt.epoch.0,
            throttle_acceleration: self.throttle.acceleration,
            throttle_deceleration: self.throttle.deceleration,
            throttle_interval: self.throttle.interval,
            next_timeout: self.in_flight_deadline(shared).map(|deadline| deadline.0),
            window_size: self.window_size,
            waiting_data: self.inbox.waiting_data(),
            held_data: self.inbox.held(),
            queued_data: self.outgoing.queued(),
            incoming_bandwidth: self.incoming_bandwidth,
            outgoing_bandwidth: self.outgoing_bandwidth,
            outgoing_data_total: self.outgoing_data_total,
            incoming_data_total: self.incoming_data_total,
            incoming_unsequenced_group: self.unsequenced_in.base(),
            outgoing_unsequenced_group: self.outgoing.unsequenced_group.0,
            in_flight,
            queued,
            acknowledgements_owed: self.acks.count(&shared.acks).0,
        }
    }

    pub(crate) fn channel_stats(&self, id: ChannelId) -> Option<ChannelStats> {
        if id.get() >= self.channel_count {
            return None;
        }
        Some(self.channels.get(id).map_or_else(ChannelStats::default, |channel| ChannelStats {
            incoming_reliable: channel.receiver.last_reliable().0,
            incoming_unreliable: channel.receiver.last_unreliable().0,
            outgoing_reliable: channel.sender.last_reliable().0,
            outgoing_unreliable: channel.sender.last_unreliable().0,
        }))
    }

    /// Panics if the connection's accounts contradict its queues.
    #[allow(clippy::panic)] // its purpose
    pub(crate) fn check_invariants(&self, shared: &Shared) {
        let (packets, bytes) = self.inbox.queued(&shared.memory);
        let ahead = self.channels.iter().map(|channel| channel.receiver.held()).sum::<usize>();
        assert_eq!(self.inbox.held() as usize, ahead + bytes + packets * ENTRY as usize, "memory held");
        assert_eq!(self.outgoing.queued(), self.outgoing.requeued(&shared.commands), "bytes queued");
        let waiting = self.channels.iter().map(|channel| channel.receiver.reserved_bytes()).sum::<usize>();
        if self.is_active() {
            let held = waiting + self.inbox.queued(&shared.memory).1;
            assert_eq!(self.inbox.waiting_data() as usize, held, "waiting data");
            assert_eq!(
                u64::from(self.outgoing.bytes()),
                self.outgoing.recount(&shared.commands),
                "bytes in flight"
            );
        }
        let throttle = self.throttle;
        assert!(throttle.value <= 32 && throttle.limit <= 32, "throttle above its scale");
    }
}
