//! What the tools share: options of both ends, and lines for people or for programs.
#![allow(dead_code, unreachable_pub)] // every tool uses its own part

use std::env;
use std::fmt::Display;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use enet_compress::{Compressor, FastLz, RangeCoder, Zlib};
use enet_mio::{Checksum, HostConfig, random_seed};
use serde_json::Value;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How long a tool waits for its peers to confirm that it leaves.
pub const FAREWELL: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Codec {
    /// No compression
    #[default]
    None,
    /// ENet's built-in range coder; Godot's COMPRESS_RANGE_CODER, the default of Godot 3.4 and later 3.x
    Range,
    /// Godot's COMPRESS_FASTLZ
    #[value(name = "fastlz")]
    FastLz,
    /// Godot's COMPRESS_ZLIB
    Zlib,
    /// Godot's COMPRESS_ZSTD
    #[cfg(target_os = "linux")]
    Zstd,
}

impl Codec {
    fn compressor(self) -> Option<Box<dyn Compressor>> {
        match self {
            Codec::None => None,
            Codec::Range => Some(RangeCoder::boxed()),
            Codec::FastLz => Some(Box::new(FastLz::new())),
            Codec::Zlib => Some(Box::new(Zlib::new())),
            #[cfg(target_os = "linux")]
            Codec::Zstd => Some(Box::new(enet_compress::Zstd::new())),
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Sum {
    /// ENet's CRC-32
    Crc32,
}

/// What both ends must agree on, and how to print.
#[derive(Args)]
pub struct Both {
    /// Compress datagrams; both ends must do so
    #[arg(long, global = true, value_enum, default_value_t, hide_default_value = true)]
    pub compress: Codec,
    /// Put a checksum into datagrams; both ends must do so
    #[arg(long, global = true, value_enum)]
    pub checksum: Option<Sum>,
    /// Print one JSON object per line
    #[arg(long, global = true)]
    pub json: bool,
    /// Say on stderr what happens underneath; ENET_LOG chooses what (debug, trace, or TARGET=LEVEL,…)
    #[arg(long, global = true)]
    pub verbose: bool,
}

impl Both {
    pub fn config(&self) -> io::Result<HostConfig> {
        self.log()?;
        let mut config = HostConfig::new(random_seed()?);
        config.compressor = self.compress.compressor();
        if let Some(Sum::Crc32) = self.checksum {
            config.checksum = Some(Checksum::CRC32);
        }
        Ok(config)
    }

    /// Has the layers' events printed. `enet_mio::event` tells of connections and packets (debug), `enet_mio::datagram` of
    /// each datagram (trace), `enet_mio::protocol` of what was discarded, `enet_mio` of the system (info and above).
    fn log(&self) -> io::Result<()> {
        let chosen = env::var("ENET_LOG").or_else(|_| env::var("RUST_LOG")).ok();
        if !self.verbose && env::var_os("ENET_LOG").is_none() {
            return Ok(());
        }
        let chosen = chosen.as_deref().unwrap_or("debug");
        let targets: Targets = chosen.parse().map_err(|error| {
            io::Error::other(format!(
                "ENET_LOG={chosen}: {error}; write debug, trace, or enet_mio::event=debug"
            ))
        })?;
        let lines = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(io::stderr);
        // A second host of the same program finds it done.
        let _ = lines.finish().with(targets).try_init();
        Ok(())
    }

    /// Prints a text for people, or an object with an `event` for programs.
    pub fn tell(&self, text: &str, line: &Value) {
        if self.json {
            println!("{line}");
        } else {
            println!("{text}");
        }
    }

    /// Prints an object with an `event`: as it is, or as `event key=value …`.
    pub fn say(&self, line: &Value) {
        if self.json {
            println!("{line}");
            return;
        }
        let mut text = line.get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
        for (key, value) in line.as_object().into_iter().flatten().filter(|(key, _)| *key != "event") {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text += &format!(" {key}={value}");
        }
        println!("{text}");
    }
}

/// The outcome for the shell; an error goes to stderr in one line.
pub fn exit<E: Display>(tool: &str, result: Result<bool, E>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{tool}: {error}");
            ExitCode::FAILURE
        }
    }
}
