//! The counters as lists of name, value and unit, for whoever shows all of them.

use super::{Discarded, HostStats, PeerStats, PeerTotals};

/// Lists fields, and fails to compile when one is forgotten.
macro_rules! list {
    ($of:expr, $type:ident { $($field:ident: $unit:literal,)* }, { $($other:ident),* }) => {{
        let $type { $($field,)* $($other: _,)* } = $of;
        [$((stringify!($field), u64::try_from($field).unwrap_or(u64::MAX), $unit),)*].into_iter()
    }};
}

impl HostStats {
    /// Every number with its name and unit, the discarded datagrams by reason.
    ///
    /// ```
    /// use enet_proto::HostStats;
    /// let text: String = HostStats::default()
    ///     .iter()
    ///     .map(|(name, value, unit)| format!("# UNIT enet_{name} {unit}\nenet_{name} {value}\n"))
    ///     .collect();
    /// assert!(text.contains("enet_bytes_sent 0\n"));
    /// assert!(text.contains("enet_discarded_host_full 0\n"));
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64, &'static str)> + '_ {
        let numbers = list!(
            *self,
            HostStats {
                bytes_sent: "bytes",
                datagrams_sent: "datagrams",
                bytes_received: "bytes",
                datagrams_received: "datagrams",
                refusals_sent: "datagrams",
                queue_full: "packets",
                half_open: "clients",
                retransmissions: "commands",
                needless_retransmissions: "commands",
                copies: "commands",
                held_data: "bytes",
                highest_held_data: "bytes",
            },
            { discarded }
        );
        let discarded = self.discarded.iter().map(|(reason, count)| (reason.labels().1, count, "datagrams"));
        numbers.chain(discarded)
    }

    /// What was added since an earlier look at the same host; of what is counted at the moment, the present number.
    #[must_use]
    pub fn since(&self, earlier: &HostStats) -> HostStats {
        let mut discarded = Discarded::default();
        for (reason, count) in self.discarded.iter() {
            discarded.count_many(reason, count.saturating_sub(earlier.discarded.get(reason)));
        }
        HostStats {
            bytes_sent: self.bytes_sent.saturating_sub(earlier.bytes_sent),
            datagrams_sent: self.datagrams_sent.saturating_sub(earlier.datagrams_sent),
            bytes_received: self.bytes_received.saturating_sub(earlier.bytes_received),
            datagrams_received: self.datagrams_received.saturating_sub(earlier.datagrams_received),
            refusals_sent: self.refusals_sent.saturating_sub(earlier.refusals_sent),
            queue_full: self.queue_full.saturating_sub(earlier.queue_full),
            half_open: self.half_open,
            held_data: self.held_data,
            highest_held_data: self.highest_held_data,
            retransmissions: self.retransmissions.saturating_sub(earlier.retransmissions),
            needless_retransmissions: self
                .needless_retransmissions
                .saturating_sub(earlier.needless_retransmissions),
            copies: self.copies.saturating_sub(earlier.copies),
            discarded,
        }
    }

    /// Bytes sent and received, counted as the link sees them: with so many bytes of headers around each datagram, which
    /// are 28 over IPv4 and 48 over IPv6.
    pub const fn wire_bytes(&self, headers: u64) -> (u64, u64) {
        (
            self.bytes_sent + headers * self.datagrams_sent,
            self.bytes_received + headers * self.datagrams_received,
        )
    }
}

impl PeerStats {
    /// Every number with its name and unit; what there is none of at the moment is left out.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64, &'static str)> {
        let next_timeout = self.next_timeout.map(|at| ("next_timeout", u64::from(at), "ms"));
        list!(
            *self,
            PeerStats {
                round_trip_time: "ms",
                round_trip_time_variance: "ms",
                lowest_round_trip_time: "ms",
                highest_round_trip_time_variance: "ms",
                last_round_trip_time: "ms",
                last_round_trip_time_variance: "ms",
                throttle: "1/32",
                throttle_limit: "1/32",
                throttle_counter: "1/32",
                throttle_epoch: "ms",
                throttle_acceleration: "1/32",
                throttle_deceleration: "1/32",
                throttle_interval: "ms",
                reliable_data_in_transit: "bytes",
                packets_sent: "commands",
                packets_lost: "commands",
                packet_loss: "1/65536",
                packet_loss_variance: "1/65536",
                retransmissions: "commands",
                needless_retransmissions: "commands",
                copies: "commands",
                packet_loss_epoch: "ms",
                last_packet_loss: "1/65536",
                window_size: "bytes",
                waiting_data: "bytes",
                held_data: "bytes",
                queued_data: "bytes",
                incoming_bandwidth: "bytes/s",
                outgoing_bandwidth: "bytes/s",
                outgoing_data_total: "bytes",
                incoming_data_total: "bytes",
                incoming_unsequenced_group: "number",
                outgoing_unsequenced_group: "number",
                in_flight: "commands",
                queued: "commands",
                acknowledgements_owed: "commands",
            },
            { next_timeout }
        )
        .chain(next_timeout)
    }
}

impl PeerTotals {
    /// Every number with its name and unit.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64, &'static str)> {
        list!(
            *self,
            PeerTotals {
                bytes_sent: "bytes",
                datagrams_sent: "datagrams",
                bytes_received: "bytes",
                datagrams_received: "datagrams",
            },
            {}
        )
    }
}
