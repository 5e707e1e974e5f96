//! What the kernel knows about a victim: its socket's queue, its processor time, its memory.

use std::fs;
use std::time::Duration;

/// A UDP socket as `/proc/net/udp` shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Bytes that wait to be received, with the kernel's own overhead.
    pub(crate) waiting: u64,
    /// Datagrams dropped because there was no room for them.
    pub(crate) drops: u64,
}

impl Queue {
    /// That of the socket with this port.
    pub(crate) fn of(port: u16) -> Queue {
        fs::read_to_string("/proc/net/udp")
            .ok()
            .and_then(|table| Queue::find(&table, port))
            .unwrap_or_default()
    }

    fn find(table: &str, port: u16) -> Option<Queue> {
        let port = format!("{port:04X}");
        table.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, _, queues, .., drops] = fields[..] else { return None };
            let (_, waiting) = queues.split_once(':').filter(|_| local.ends_with(&format!(":{port}")))?;
            Some(Queue { waiting: u64::from_str_radix(waiting, 16).ok()?, drops: drops.parse().ok()? })
        })
    }
}

/// Time that the process's main thread has spent on a processor.
pub(crate) fn processor_time(pid: u32) -> Result<Duration, String> {
    let path = format!("/proc/{pid}/schedstat");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
    nanoseconds.map(Duration::from_nanos).ok_or_else(|| format!("{path} says nothing of use"))
}

/// Bytes of memory that the process occupies.
pub(crate) fn resident(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kibibytes.map(|kibibytes| kibibytes << 10).ok_or_else(|| format!("{path} has no VmRSS"))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_socket_is_found_by_its_port_with_queue_and_drops() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
            1146: 0100007F:B1E3 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 5566 2 00000000 17\n";
        assert_eq!(Queue::find(table, 0xB1E3), Some(Queue { waiting: 0x300, drops: 17 }));
        assert_eq!(Queue::find(table, 0xB1E4), None);
    }

    #[test]
    fn what_waits_in_a_real_socket_is_seen() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        assert_eq!(Queue::of(at.port()), Queue::default());
        socket.send_to(&[1; 100], at).unwrap();
        assert!(Queue::of(at.port()).waiting >= 100);
    }

    #[test]
    fn a_process_has_memory_and_time() {
        let own = std::process::id();
        assert!(resident(own).unwrap() > 1 << 19);
        assert!(processor_time(own).unwrap() < Duration::from_secs(3600 * 24));
    }
}
