//! The README's programs: they are the examples of this crate, letter for letter, and they work.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An example of this crate: built with this test by `cargo test -p xtask` and `cargo test --workspace`.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    let program = program.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.exists(), "{} is not built: cargo test -p xtask", program.display());
    Command::new(program)
}

/// A server of the README on a free port; it ends with the test.
struct Server {
    process: Child,
    output: Receiver<String>,
    address: String,
}

impl Server {
    fn start(name: &str) -> Self {
        let mut process = example(name).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("its first line").to_owned();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut rest = String::new();
            output.read_to_string(&mut rest).unwrap();
            sender.send(rest)
        });
        Server { process, output: receiver, address }
    }

    /// What else it printed until it ended by itself, which it does when its guest has left.
    fn finish(mut self) -> String {
        let rest = self.output.recv_timeout(Duration::from_secs(60)).expect("the server ends");
        assert!(self.process.wait().unwrap().success());
        rest
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the README's client prints when it talks to `server`.
fn client_of(server: &Server) -> String {
    let output = example("readme_client").arg(&server.address).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_programs_are_the_examples_letter_for_letter() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let programs: Vec<&str> =
        readme.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let examples = ["readme_server", "readme_client", "readme_embed"]
        .map(|name| std::fs::read_to_string(root().join(format!("xtask/examples/{name}.rs"))).unwrap());
    assert_eq!(programs, examples);
}

#[test]
fn the_client_gets_its_echo_from_the_server() {
    let server = Server::start("readme_server");
    assert_eq!(client_of(&server), "echo: hello world\n");
    let said = server.finish();
    assert!(said.contains("says hello world\n"), "{said}");
    assert!(said.ends_with("disconnected by the remote\n"), "{said}");
}

#[test]
fn the_client_gets_its_echo_from_the_embedded_protocol() {
    let server = Server::start("readme_embed");
    assert_eq!(client_of(&server), "echo: hello world\n");
    assert_eq!(server.finish(), "");
}
