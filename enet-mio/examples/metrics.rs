//! An echo server whose counters a monitoring system can fetch: Prometheus' text over HTTP, beside the game.

mod common;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use enet_mio::{Event, Service};
use serde_json::json;

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
    let address = service.local_addr()?.to_string();
    options
        .both
        .tell(&format!("listening at {address}"), &json!({ "event": "listening", "address": address }));
    let url = format!("http://{}/metrics", http.local_addr()?);
    options.both.tell(&format!("figures at {url}"), &json!({ "event": "figures", "url": url }));
    let lasts = Duration::try_from_secs_f64(options.seconds).unwrap_or(Duration::MAX);
    let end = Instant::now().checked_add(lasts);
    while end.is_none_or(|end| Instant::now() < end) {
        if let Some(Event::Received { peer, channel, packet }) = service.service(LOOK)?
            && let Err(error) = service.send(peer, channel, packet)
        {
            eprintln!("{error}");
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
        page += &format!("{}enet_{name} {value}\n", heading(name, unit));
    }
    let io = service.io_stats();
    for (name, value, unit) in [
        ("connected_peers", u64::try_from(service.connected_peers()).unwrap_or(u64::MAX), "peers"),
        ("io_sends", io.sends, "calls"),
        ("io_receives", io.receives, "calls"),
        ("io_sent_in_trains", io.sent_in_trains, "datagrams"),
        ("io_received_in_trains", io.received_in_trains, "datagrams"),
        ("io_sent_in_batches", io.sent_in_batches, "datagrams"),
        ("io_received_in_batches", io.received_in_batches, "datagrams"),
        ("io_trains_refused", io.trains_refused, "trains"),
        ("io_dropped_port_zero", io.dropped_port_zero, "datagrams"),
        ("io_receive_errors", io.receive_errors, "errors"),
        ("io_send_blocked", io.send_blocked, "datagrams"),
        ("io_send_errors", io.send_errors, "datagrams"),
        ("io_orders_refused", io.orders_refused, "orders"),
    ] {
        page += &format!("{}enet_{name} {value}\n", heading(name, unit));
    }
    // Prometheus wants all peers' lines of one name together.
    let mut groups = BTreeMap::new();
    for peer in service.peers() {
        let labels = format!("{{peer=\"{}\",address=\"{}\"}}", peer.id(), peer.address());
        for (name, value, unit) in peer.stats().iter() {
            let name = format!("peer_{name}");
            let line = format!("enet_{name}{labels} {value}\n");
            *groups.entry(name).or_insert_with_key(|name| heading(name, unit)) += &line;
        }
    }
    page.extend(groups.into_values());
    page
}

/// What stands once before all lines of a name. Some numbers grow, some come and go: the library does not say which.
fn heading(name: &str, unit: &str) -> String {
    format!("# HELP enet_{name} in {unit}\n# TYPE enet_{name} untyped\n")
}
