//! quinn, a QUIC implementation, on tokio's current-thread runtime: both ends are tasks of one thread. It is encrypted, and
//! its streams have no messages, so these are cut from a stream by their length.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::PrivateKeyDer;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, ServerConfig};

use super::echo::WAYS;
use super::{bulk, scaled};
use crate::clock::{Counted, Gauge};

const ECHO: usize = 32;
const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Two connected endpoints.
struct Pair {
    /// They live as long as their connections.
    _endpoints: [Endpoint; 2],
    server: Connection,
    client: Connection,
}

impl Pair {
    async fn open() -> Result<Pair, String> {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).map_err(text)?;
        let certificate = own.cert.der().clone();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).map_err(text)?;
        let config = ServerConfig::with_single_cert(vec![certificate.clone()], key).map_err(text)?;
        let listening = Endpoint::server(config, SocketAddr::from(LOOPBACK)).map_err(text)?;
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate).map_err(text)?;
        let config = ClientConfig::with_root_certificates(Arc::new(trusted)).map_err(text)?;
        let mut asking = Endpoint::client(SocketAddr::from(LOOPBACK)).map_err(text)?;
        asking.set_default_client_config(config);
        let address = listening.local_addr().map_err(text)?;
        let (client, server) = tokio::join!(
            async { asking.connect(address, "localhost").map_err(text)?.await.map_err(text) },
            async { listening.accept().await.ok_or("nobody came")?.await.map_err(text) }
        );
        Ok(Pair { _endpoints: [listening, asking], server: server?, client: client? })
    }
}

fn block_on(work: impl Future<Output = Result<f64, String>>) -> Result<f64, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?.block_on(work)
}

/// 32 bytes there and back on one stream: ns of both ends for each way. As a codec for such a stream would, both ends read
/// as much as there is, and write the answers to that at once.
pub fn echo(outstanding: usize, messages: usize, scale: f64) -> Result<f64, String> {
    let messages = scaled(messages, scale, outstanding * 2);
    block_on(async move {
        let Pair { _endpoints, server, client } = Pair::open().await?;
        let serving = tokio::spawn(async move {
            let (mut send, mut receive) = server.accept_bi().await.map_err(text)?;
            let mut inbox = Inbox::default();
            let mut answers = Vec::new();
            while inbox.fill(&mut receive).await? {
                answers.clear();
                inbox.messages(|message| {
                    answers.extend_from_slice(message);
                    Ok(())
                })?;
                send.write_all(&answers).await.map_err(text)?;
            }
            send.finish().map_err(text)
        });
        let (mut send, mut receive) = client.open_bi().await.map_err(text)?;
        let mut inbox = Inbox::default();
        exchange(&mut send, &mut receive, &mut inbox, outstanding, messages / 10).await?;
        let gauge = Gauge::new(Counted::Both);
        exchange(&mut send, &mut receive, &mut inbox, outstanding, messages).await?;
        let figure = gauge.each(messages * WAYS);
        send.finish().map_err(text)?;
        serving.await.map_err(text)??;
        Ok(figure)
    })
}

async fn exchange(
    send: &mut SendStream,
    receive: &mut RecvStream,
    inbox: &mut Inbox,
    outstanding: usize,
    messages: usize,
) -> Result<(), String> {
    let (mut sent, mut returned) = (outstanding.min(messages), 0);
    let mut output: Vec<u8> = (0..sent).flat_map(message).collect();
    while returned < messages {
        send.write_all(&output).await.map_err(text)?;
        output.clear();
        if !inbox.fill(receive).await? {
            return Err(format!("{returned} of {messages} messages came back"));
        }
        inbox.messages(|came| {
            if came != message(returned) {
                return Err(format!("message {returned} came back changed"));
            }
            returned += 1;
            if sent < messages {
                output.extend_from_slice(&message(sent));
                sent += 1;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn message(number: usize) -> [u8; ECHO] {
    let mut message = [0xE5; ECHO];
    message[..8].copy_from_slice(&number.to_le_bytes());
    message
}

/// What came of a stream, to be cut into messages.
#[derive(Default)]
struct Inbox(Vec<u8>);

impl Inbox {
    /// Waits for more; `false` at the stream's end.
    async fn fill(&mut self, receive: &mut RecvStream) -> Result<bool, String> {
        let chunk = receive.read_chunk(usize::MAX, true).await.map_err(text)?;
        self.0.extend_from_slice(chunk.as_ref().map_or(&[], |chunk| &chunk.bytes));
        Ok(chunk.is_some())
    }

    /// Takes the whole ones out.
    fn messages(&mut self, mut handle: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), String> {
        let mut messages = self.0.chunks_exact(ECHO);
        messages.by_ref().try_for_each(&mut handle)?;
        let rest = messages.remainder().len();
        self.0.drain(..self.0.len() - rest);
        Ok(())
    }
}

/// Packets of 1 MiB on one stream: ns of both ends for each byte.
pub fn bulk(packets: usize, scale: f64) -> Result<f64, String> {
    let packets = scaled(packets, scale, 4);
    block_on(async move {
        let Pair { _endpoints, server, client } = Pair::open().await?;
        let gauge = Gauge::new(Counted::Both);
        let serving = tokio::spawn(async move {
            let mut send = server.open_uni().await.map_err(text)?;
            for _ in 0..packets {
                send.write_chunk(Bytes::from_static(&bulk::PAYLOAD)).await.map_err(text)?;
            }
            send.finish().map_err(text)?;
            // Until the other side has all of it.
            send.stopped().await.map(|_| ()).map_err(text)
        });
        let mut receive = client.accept_uni().await.map_err(text)?;
        let mut packet = vec![0; bulk::SIZE];
        for _ in 0..packets {
            receive.read_exact(&mut packet).await.map_err(text)?;
            bulk::is_whole(&packet)?;
        }
        let figure = gauge.each(packets * bulk::SIZE);
        serving.await.map_err(text)??;
        Ok(figure)
    })
}
