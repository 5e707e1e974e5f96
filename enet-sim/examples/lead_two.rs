//! Scratch
use enet_sim::{swarm, world::{Cast, World, observer::*}, endpoint::*, Time, net::Fate};
#[derive(Default)]
struct O { sent: Vec<u8>, got: usize, bad: bool, n: usize, last: Vec<String> }
impl Observer for O {
    fn called(&mut self, _: Time, _: usize, c: &Call<'_>) { if let Call::Send { payload, accepted: true, .. } = c { self.sent.push(payload[0]); } }
    fn departed(&mut self, at: Time, from: usize, _: std::net::SocketAddr, bytes: &[u8], fate: &Fate) {
        if from == 1 { let (h, rest) = enet_wire::Header::decode(bytes).unwrap(); let _ = h;
            let c: Vec<String> = enet_wire::Commands::new(rest).filter_map(|c| c.ok()).map(|c| format!("{:?}:{}", c.kind(), c.seq.0)).collect();
            self.last.push(format!("{at} {} arrives {} drop {:?}", c.join(" "), fate.arrives, fate.dropped)); }
    }
    fn happened(&mut self, at: Time, host: usize, w: &Happening<'_>) {
        if let Happening::Received { payload, .. } = w { if host == 0 {
            if !self.bad && self.sent.get(self.got) != Some(&payload[0]) { println!("{at} mismatch at index {} of {} sent: {:?} vs {:?}", self.got, self.sent.len(), payload[0], self.sent.get(self.got)); self.bad = true;
                for l in self.last.iter().rev().take(60).collect::<Vec<_>>().iter().rev() { println!("{l}"); } }
            self.got += 1; } }
        else { println!("{at} {host} {w:?}"); }
    }
    fn served(&mut self, at: Time, host: usize, e: &mut dyn Endpoint) { self.n += 1; if host == 1 && self.n % 400 == 0 && !self.bad { let s = e.snapshot(Conn(65536)); println!("{at} sent {} got {} {:?}", self.sent.len(), self.got, s.map(|s| (s.in_flight, s.queued, s.throttle))); } }
}
fn main() {
    let a = std::env::args().nth(1).unwrap();
    let seed = u64::from_str_radix(a.strip_prefix("0x").unwrap(), 16).unwrap();
    let s = swarm::scenario(seed);
    let mut w = World::new(&s, Cast::OURS, O::default()).unwrap();
    w.run();
    let (o, e, _) = w.finish();
    println!("{} {} {:?}", o.sent.len(), o.got, e);
}
