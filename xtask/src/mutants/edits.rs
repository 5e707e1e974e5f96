//! The edits: one rule of `enet-proto` each.

/// A change of one rule: `find` occurs exactly once in `file`, which is below `enet-proto/src` unless it begins with a
/// crate's folder.
pub(crate) struct Edit {
    pub(crate) rule: &'static str,
    pub(crate) file: &'static str,
    pub(crate) find: &'static str,
    pub(crate) replace: &'static str,
}

pub(super) const fn edit(
    rule: &'static str,
    file: &'static str,
    find: &'static str,
    replace: &'static str,
) -> Edit {
    Edit { rule, file, find, replace }
}

/// Every edit of the table, by section of docs/PROTOCOL.md.
pub(crate) const EDITS: &[Edit] = &[
    // §6 handshake
    edit(
        "sessions: the next one is theirs plus two",
        "peer/establish.rs",
        "from.wrapping_add(1) & 3",
        "from.wrapping_add(2) & 3",
    ),
    edit(
        "who disconnects at once does not ask whether the remote knows",
        "peer/mod.rs",
        "shared.profile == Profile::Modern && self.last_receive_time.is_unset()",
        "false",
    ),
    edit(
        "who asks before it disconnects drops what is owed",
        "peer/mod.rs",
        "        self.acks = owed;\n",
        "",
    ),
    edit(
        "duplicate CONNECT is let in",
        "host/handshake.rs",
        "if self.table.knows(from, connect.connect_id)",
        "if false",
    ),
    edit(
        "connections per IP are not limited",
        "host/handshake.rs",
        "filter(|limit| count >= *limit)",
        "filter(|limit| count > u16::MAX - *limit)",
    ),
    edit(
        "the server ignores its own MTU",
        "peer/establish.rs",
        "connect.mtu.clamp(MIN_MTU, MAX_MTU).min(shared.mtu)",
        "connect.mtu.clamp(MIN_MTU, MAX_MTU)",
    ),
    edit(
        "the offered window ignores the client's",
        "peer/establish.rs",
        "window_of(shared.incoming_bandwidth).min(connect.window_size)",
        "window_of(shared.incoming_bandwidth)",
    ),
    edit(
        "VERIFY_CONNECT need not echo the throttle",
        "peer/establish.rs",
        "&& verify.throttle == self.throttle_settings()",
        "",
    ),
    edit(
        "VERIFY_CONNECT does not stand for the CONNECT's acknowledgement",
        "peer/establish.rs",
        "self.outgoing.acknowledge(self.slot, ChannelId::CONTROL, ReliableSeq(1), &mut shared.commands);",
        "",
    ),
    edit(
        "a half-open peer acknowledges",
        "peer/dispatch.rs",
        "Stage::Disconnecting | Stage::AcknowledgingConnect { .. } => false",
        "Stage::Disconnecting => false",
    ),
    // §7, §8 lifecycle
    edit(
        "the acknowledgement of a DISCONNECT does not end the connection",
        "host/draft.rs",
        "(true, Stage::AcknowledgingDisconnect { data })",
        "(false, Stage::AcknowledgingDisconnect { data })",
    ),
    edit(
        "any acknowledgement confirms our disconnect",
        "peer/dispatch.rs",
        "Some(CommandKind::Disconnect) => {",
        "_ if self.stage == Stage::Disconnecting => {",
    ),
    edit(
        "disconnect_later does not wait",
        "peer/mod.rs",
        "if self.is_active() && !self.is_drained()",
        "if false",
    ),
    edit(
        "disconnect_later waits for acknowledgements owed",
        "peer/mod.rs",
        "self.outgoing.is_empty() && self.outgoing.is_idle()",
        "self.outgoing.is_empty() && self.outgoing.is_idle() && self.acks.is_empty()",
    ),
    edit(
        "a drained connection is not disconnected after an acknowledgement",
        "peer/dispatch.rs",
        "_ => self.disconnect_if_drained(shared),",
        "_ => {}",
    ),
    edit(
        "a disconnect keeps what was received",
        "peer/mod.rs",
        "        self.inbox.clear(&mut shared.memory);\n",
        "",
    ),
    edit("a peer that disconnects keeps its turn for events", "peer/mod.rs", "self.lost_turn = true;", ""),
    edit(
        "an established peer's end does not change bandwidth shares",
        "host/settle.rs",
        "self.recalculate_bandwidth |= was_established;",
        "",
    ),
    // §9 reliable delivery
    edit(
        "timeouts do not double",
        "profile.rs",
        "Profile::Compat | Profile::Modern => timeout * 2,",
        "Profile::Compat | Profile::Modern => timeout,",
    ),
    edit(
        "the first timeout takes the deviation twice",
        "profile.rs",
        "variance.saturating_mul(4)",
        "variance.saturating_mul(2)",
    ),
    edit(
        "the limit of doublings is one higher",
        "profile.rs",
        "backoff >= limits.limit",
        "backoff > limits.limit",
    ),
    edit("the maximum age is not looked at", "profile.rs", "silence.age >= limits.maximum || ", ""),
    edit(
        "an acknowledgement does not reset the age of a blackout",
        "peer/dispatch.rs",
        "mishaps.earliest_timeout = Millis::UNSET;",
        "",
    ),
    edit(
        "expired commands queue up at the back",
        "peer/outgoing/expiry.rs",
        "self.postpone(key, timeout, before, commands)",
        "self.postpone(key, timeout, (None, None), commands)",
    ),
    edit(
        "the byte window is not at least one datagram",
        "profile.rs",
        ".unwrap_or(u32::MAX).max(mtu)",
        ".unwrap_or(u32::MAX).max(mtu.min(0))",
    ),
    edit(
        "the throttle does not scale the byte window",
        "profile.rs",
        "u64::from(throttle) * u64::from(window_size)",
        "u64::from(throttle.max(THROTTLE_SCALE)) * u64::from(window_size)",
    ),
    edit(
        "eight sequence windows are kept free instead of ten",
        "profile.rs",
        "window + FREE_RELIABLE_WINDOWS + 2",
        "window + FREE_RELIABLE_WINDOWS",
    ),
    edit(
        "a full window does not hold up the next",
        "profile.rs",
        "windows.is_full(window + RELIABLE_WINDOWS - 1)",
        "false",
    ),
    edit(
        "numbers of offsets 7 and 8 are acknowledged",
        "peer/dispatch.rs",
        "if owed && !too_far",
        "let _ = too_far;\n        if owed",
    ),
    edit(
        "old numbers are not acknowledged",
        "channel/mod.rs",
        "== WindowOffset::TooFarAhead",
        "!= WindowOffset::Acceptable",
    ),
    edit(
        "an acknowledgement needs no sent time",
        "peer/dispatch.rs",
        "sent_time.ok_or(DiscardReason::NoSentTime)?",
        "sent_time.unwrap_or(0)",
    ),
    edit(
        "duplicates of waiting packets are taken again",
        "channel/receiver.rs",
        "self.is_settled(seq) || self.holds(seq)",
        "self.is_settled(seq)",
    ),
    edit(
        "packets that were overtaken do not block",
        "channel/backlog.rs",
        "self.barrier = Some(self.delivered + 1);",
        "",
    ),
    // §10 estimators
    edit(
        "the first sample is smoothed like the others",
        "peer/dispatch.rs",
        "let first = self.last_receive_time.is_unset();",
        "let first = false;",
    ),
    edit(
        "the baseline is the last interval's mean",
        "peer/rtt.rs",
        "self.last = self.lowest;",
        "self.last = self.mean;",
    ),
    edit(
        "the throttle falls one deviation above the baseline",
        "peer/throttle.rs",
        "last_variance.saturating_mul(2)",
        "last_variance",
    ),
    edit(
        "the throttle counter steps by five",
        "peer/throttle.rs",
        "COUNTER_STEP: u32 = 7",
        "COUNTER_STEP: u32 = 5",
    ),
    edit(
        "a throttle drop spares its followers",
        "peer/outgoing.rs",
        "next.numbers() == dropped.numbers()",
        "next.numbers() == dropped.numbers() && false",
    ),
    edit(
        "loss is smoothed over four intervals",
        "peer/loss.rs",
        "* 7 + measured) / 8",
        "* 3 + measured) / 4",
    ),
    // §11 bandwidth
    edit(
        "a limited peer's share may be zero",
        "host/bandwidth.rs",
        "peer.settle(limit.max(1));",
        "peer.settle(limit);",
    ),
    edit(
        "unlimited peers count as limited",
        "host/bandwidth.rs",
        "peer.outgoing_bandwidth > 0 && peer.outgoing_bandwidth >= limit",
        "peer.outgoing_bandwidth == 0 || peer.outgoing_bandwidth >= limit",
    ),
    edit(
        "BANDWIDTH_LIMIT leaves the window alone",
        "peer/establish.rs",
        "        self.window_size = shared_window(shared.outgoing_bandwidth, incoming);\n",
        "        let _ = shared;\n",
    ),
    edit(
        "acknowledgements do not count as queued data",
        "peer/dispatch.rs",
        "wrapping_add(u32::from(Ack::LEN))",
        "wrapping_add(0)",
    ),
    // §12 packets
    edit(
        "an exhausted unreliable counter wraps",
        "peer/queue.rs",
        "Delivery::Unreliable | Delivery::UnreliableFragments if exhausted => Vehicle::Reliable,",
        "",
    ),
    edit(
        "fragments ignore the checksum's four bytes",
        "peer/queue.rs",
        "if shared.checksum.is_some() { 4 } else { 0 }",
        "if shared.checksum.is_some() { 0 } else { 0 }",
    ),
    edit("fragment check: the number is below the count", "peer/dispatch.rs", "&& number < count", ""),
    edit(
        "fragment check: no more than a packet may have",
        "peer/dispatch.rs",
        "&& total_length <= max_packet_size",
        "",
    ),
    edit(
        "fragment check: at least a byte for each fragment",
        "peer/dispatch.rs",
        "&& total_length >= count",
        "",
    ),
    edit(
        "fragment check: the end lies in the packet",
        "peer/dispatch.rs",
        "&& u64::from(offset) + payload.len() as u64 <= u64::from(total_length)",
        "&& u64::from(offset) <= u64::from(total_length)",
    ),
    edit(
        "fragment check: the end counts, not just the length",
        "peer/dispatch.rs",
        "u64::from(offset) + payload.len() as u64",
        "payload.len() as u64",
    ),
    edit(
        "fragment check: it carries something",
        "peer/dispatch.rs",
        "(1..=max_packet_size as usize)",
        "(0..=max_packet_size as usize)",
    ),
    edit(
        "fragment check: sets of one name have one shape",
        "channel/assembly.rs",
        "self.total_length == fragment.total_length && self.count == fragment.count",
        "self.count == fragment.count || self.count != fragment.count",
    ),
    edit(
        "a packet in fragments takes one number",
        "channel/intake.rs",
        "Ahead::Partial(assembly) => assembly.count(),",
        "Ahead::Partial(_) => 1,",
    ),
    edit(
        "a setting that comes late is applied over a newer one",
        "peer/doubt.rs",
        "|| !is_superseded || !self.was_said(command)",
        "|| is_superseded | !is_superseded",
    ),
    edit(
        "a setting that comes late is not applied over an older one",
        "peer/doubt.rs",
        "|| !is_superseded || !self.was_said(command)",
        "|| !self.was_said(command)",
    ),
    edit(
        "waiting data is not limited",
        "channel/inbox.rs",
        "if self.waiting_data >= limit && !is_needed()",
        "if self.waiting_data >= limit && limit == 0",
    ),
    edit(
        "discarded packets keep their bytes",
        "channel/intake.rs",
        "self.inbox.release(",
        "let _ = (&mut *self.inbox, ",
    ),
    edit(
        "late unreliable packets are delivered",
        "channel/receiver.rs",
        "(reliable == self.last && seq <= self.last_unreliable)",
        "false",
    ),
    edit("a third incomplete unreliable set is kept", "channel/unreliable.rs", "keep_from = before;", ""),
    edit(
        "unreliable numbers go on after a reliable packet",
        "channel/receiver.rs",
        "self.last_unreliable = UnreliableSeq(0);",
        "",
    ),
    edit(
        "unsequenced duplicates are delivered",
        "peer/dispatch.rs",
        "self.unsequenced_in.mark(fresh);",
        "let _ = fresh;",
    ),
    edit(
        "the unsequenced window reaches half as far",
        "peer/unsequenced.rs",
        "32 * WINDOW as u32",
        "16 * WINDOW as u32",
    ),
    edit(
        "data is taken while disconnecting later",
        "peer/dispatch.rs",
        "let accepting = self.stage == Stage::Connected;",
        "let accepting = self.is_active();",
    ),
    // §13 sending
    edit(
        "33 commands fit into a datagram",
        "profile.rs",
        "Profile::Compat => MAX_COMMANDS,",
        "Profile::Compat => MAX_COMMANDS + 1,",
    ),
    edit(
        "a short header leaves room for two more bytes",
        "host/draft.rs",
        "let alone = most.saturating_sub(MAX_HEADER_LEN);",
        "let alone = most.saturating_sub(MAX_HEADER_LEN - SENT_TIME_LEN);",
    ),
    edit(
        "control commands go before older data",
        "peer/outgoing.rs",
        "if Millis(data.1.stamp).less(Millis(control.1.stamp)) =>",
        "if Millis(data.1.stamp).less(Millis(control.1.stamp)) && false =>",
    ),
    edit(
        "any datagram counts as a sign of life for pings",
        "host/receive.rs",
        "let bytes = u32::try_from(len).unwrap_or(0);",
        "let bytes = u32::try_from(len).unwrap_or(0);\n            connection.last_receive_time = shared.now;",
    ),
    edit(
        "pings are sent although something reliable goes out",
        "host/draft.rs",
        "chose_reliable |= reliable;",
        "chose_reliable |= reliable && false;",
    ),
    edit(
        "peers that ran out of room wait for the next pass",
        "host/transmit.rs",
        "self.schedule.visit_again(*slot);",
        "",
    ),
    // §13 sending, modern
    edit(
        "modern datagrams hold at most 32 commands",
        "profile.rs",
        "Profile::Modern => usize::MAX,",
        "Profile::Modern => MAX_COMMANDS,",
    ),
    edit(
        "a train goes on behind a shorter datagram",
        "host/transmit.rs",
        "let is_over = len < longer.segment || built",
        "let is_over = built",
    ),
    edit(
        "large payloads do not count against the MTU",
        "host/draft.rs",
        "self.end = self.end.saturating_sub(bytes);",
        "",
    ),
    edit(
        "a header that has grown overwrites the first command",
        "host/transmit.rs",
        "span.start + header.encoded_len() != span.commands",
        "false",
    ),
    edit(
        "a train outgrows what a UDP datagram may hold",
        "host/transmit.rs",
        "self.len + more * self.segment <= MAX_TRAIN",
        "self.len <= MAX_TRAIN",
    ),
    edit(
        "a train is kept going with any number of zeros",
        "host/draft.rs",
        "(1..=segment / PADDING_SHARE).contains(&missing)",
        "(1..=segment).contains(&missing)",
    ),
    edit("the end of a train is filled up, too", "host/draft.rs", "&& self.again", "&& true"),
    edit(
        "the header of a follower in a train counts in full",
        "host/draft.rs",
        "most.min(segment - checksum).saturating_sub(MAX_HEADER_LEN - SENT_TIME_LEN)",
        "most.min(segment - checksum).saturating_sub(MAX_HEADER_LEN)",
    ),
    // §14 receiving
    edit(
        "zeros behind the commands count as malformed",
        "host/receive.rs",
        "DecodeError::UnknownCommand(0) => true,",
        "",
    ),
    edit(
        "a few zeros behind the commands count as malformed",
        "host/receive.rs",
        "DecodeError::TruncatedCommand => rest.iter().all(|byte| *byte == 0),",
        "",
    ),
    edit(
        "the session is not checked",
        "host/receive.rs",
        "header.session.get() != connection.sessions.incoming",
        "header.session.get() > 3",
    ),
    edit("the address is not checked", "host/receive.rs", "return Err(DiscardReason::WrongAddress);", ""),
    edit(
        "a peer at the broadcast address is deaf",
        "host/table.rs",
        "connection.stage == Stage::Connecting && is_broadcast(connection.address)",
        "false",
    ),
    edit(
        "the checksum is not checked",
        "host/receive.rs",
        "if expected == found { Ok(()) }",
        "if expected == found || expected != found { Ok(()) }",
    ),
    edit(
        "a bad command is passed over",
        "host/receive.rs",
        "                        shared.discard(reason);\n                        break;\n",
        "                        shared.discard(reason);\n",
    ),
    edit(
        "an empty datagram does not end a receive pass",
        "host/service.rs",
        "            if is_last {\n                return None;\n            }\n",
        "            let _ = is_last;\n",
    ),
    edit(
        "a connect does not end a receive pass",
        "host/service.rs",
        "            if let Some(event) = self.events.pop_front() {\n                return Some(event);\n            }\n            if is_last",
        "            if is_last",
    ),
    // docs/SECURITY.md
    edit(
        "one datagram leads the unsequenced window as far as it likes",
        "peer/unsequenced.rs",
        "self.is_led_by(datagram) || is_far",
        "is_far",
    ),
    edit(
        "blocks that prove nothing cost an attempt nothing",
        "host/handshake.rs",
        "            if in_session {\n                self.note_wrong(number);\n            }\n",
        "",
    ),
    edit(
        "IPv6 addresses of one line count one by one",
        "host/origin.rs",
        "let network = if has_many { v6 }",
        "let network = if true { v6 }",
    ),
    edit(
        "tokens that were judged take as much memory as they like",
        "host/half_open.rs",
        "bucket.token_bytes.saturating_add(bytes) > NETWORK_TOKEN_BYTES",
        "false",
    ),
];
