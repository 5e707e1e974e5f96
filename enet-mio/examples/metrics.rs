//! An echo server whose counters a monitoring system can fetch: Prometheus' text over HTTP, beside the game.

mod common;

use std::fmt::{Display, Write as _};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use enet_mio::{Event, Service};

use common::Both;

/// How often somebody who wants the figures is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// How long somebody who asks may take to say so: the game waits meanwhile.
const PATIENCE: Duration = Duration::from_millis(20);

/// An echo server that serves its counters as Prometheus' text
#[derive(Parser)]
#[command(after_help = "\
Examples:
  metrics '*:6789' --http 127.0.0.1:9100     and then: curl http://127.0.0.1:9100/metrics")]
struct Options {
    /// Where to listen: `host:port`; `*` stands for every host or any port
    #[arg(value_name = "ADDR")]
    bind: String,
    /// Where to serve the figures
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9100")]
    http: String,
    /// Stop after so many seconds
    #[arg(long, value_name = "S", default_value_t = f64::MAX, hide_default_value = true)]
    seconds: f64,
    #[command(flatten)]
    both: Both,
}

fn main() -> ExitCode {
    common::exit("metrics", run(&Options::parse()))
}

fn run(options: &Options) -> io::Result<bool> {
    let mut service = Service::bind(&options.bind, options.both.config()?)?;
    let http = TcpListener::bind(&options.http)?;
    http.set_nonblocking(true)?;
    println!("listening at {}", service.local_addr()?);
    println!("figures at http://{}/metrics", http.local_addr()?);
    let lasts = Duration::try_from_secs_f64(options.seconds).unwrap_or(Duration::MAX);
    let end = Instant::now().checked_add(lasts);
    while end.is_none_or(|end| Instant::now() < end) {
        if let Some(Event::Received { peer, channel, packet }) = service.service(LOOK)? {
            service.peer_mut(peer).map(|mut peer| peer.send(channel, packet));
        }
        if let Ok((stream, _)) = http.accept() {
            // Who hangs up early gets nothing.
            let _ = answer(stream, &figures(&service));
        }
    }
    Ok(true)
}

fn answer(mut stream: TcpStream, figures: &str) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let _ = stream.read(&mut [0; 1024])?; // whatever is asked for, there is one page
    write!(
        stream,
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n{figures}",
        figures.len()
    )
}

/// Everything the library counts, by its own names and units.
fn figures(service: &Service) -> String {
    let mut page = String::new();
    for (name, value, unit) in service.stats().iter() {
        figure(&mut page, name, unit, "", value);
    }
    figure(&mut page, "connected_peers", "peers", "", service.connected_peers());
    for peer in service.peers() {
        let label = format!("{{peer=\"{}\"}}", peer.address());
        for (name, value, unit) in peer.stats().iter() {
            figure(&mut page, &format!("peer_{name}"), unit, &label, value);
        }
    }
    page
}

fn figure(page: &mut String, name: &str, unit: &str, label: &str, value: impl Display) {
    let _ = writeln!(page, "# HELP enet_{name} in {unit}\nenet_{name}{label} {value}"); // a String takes everything
}
