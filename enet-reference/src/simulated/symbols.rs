//! The ten functions that the C library calls by their dynamic symbols, as this program defines them.
//!
//! While a [`SimulatedHost`](super::SimulatedHost) is being called, its thread knows whose world that is, and they ask
//! it. Everything else, which is the hosts over real sockets, reaches the library's own functions.

use std::any::Any;
use std::cell::Cell;
use std::ffi::c_int;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::slice;

use super::{Net, Received, Sent};
use crate::LOADED;
use crate::abi::{Address, Buffer, Replaceable};

/// The socket of every simulated host. The library compares a socket with -1 and nothing else; no file has this number.
const SOCKET: c_int = c_int::MIN;
const FAILED: c_int = -1;

/// What the functions need to remember for a host.
pub(super) struct Socket {
    /// What the next host created draws as its seed.
    seed: u32,
    /// Which of the functions the library has called, a bit each.
    pub(super) called: Symbols,
    /// Where the pieces of a datagram are joined.
    datagram: Vec<u8>,
}

/// A set of the functions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Symbols(u16);

macro_rules! symbols {
    ($($name:ident = $bit:literal $function:ident;)*) => {
        $(pub(super) const $name: Symbols = Symbols(1 << $bit);)*

        const NAMES: &[(Symbols, &str)] = &[$((Symbols::$name, stringify!($function))),*];

        /// Keeps the linker from leaving them out of a program that never calls them.
        pub(super) fn keep() {
            $(black_box($function as *const ());)*
        }
    };
}

impl Socket {
    pub(super) fn new(seed: u32) -> Socket {
        Socket { seed, called: Symbols::default(), datagram: Vec::new() }
    }
}

impl Symbols {
    symbols! {
        TIME_GET = 0 enet_time_get;
        HOST_RANDOM_SEED = 1 enet_host_random_seed;
        SOCKET_CREATE = 2 enet_socket_create;
        SOCKET_BIND = 3 enet_socket_bind;
        SOCKET_GET_ADDRESS = 4 enet_socket_get_address;
        SOCKET_SET_OPTION = 5 enet_socket_set_option;
        SOCKET_SEND = 6 enet_socket_send;
        SOCKET_RECEIVE = 7 enet_socket_receive;
        SOCKET_WAIT = 8 enet_socket_wait;
        SOCKET_DESTROY = 9 enet_socket_destroy;
    }

    /// The names of those that are not in the set.
    pub(super) fn missing(self) -> Vec<&'static str> {
        Self::NAMES.iter().filter(|&&(symbol, _)| !self.contains(symbol)).map(|&(_, name)| name).collect()
    }

    pub(super) fn contains(self, symbol: Symbols) -> bool {
        self.0 & symbol.0 != 0
    }

    fn insert(&mut self, symbol: Symbols) {
        self.0 |= symbol.0;
    }
}

struct Context<'a> {
    net: &'a mut dyn Net,
    socket: &'a mut Socket,
    /// What the net panicked with. It must not unwind through C, so it waits here.
    panic: Option<Box<dyn Any + Send>>,
}

thread_local! {
    /// The [`Context`] of the call that is under way; null outside, and while the net is being asked.
    static CURRENT: Cell<*mut Context<'static>> = const { Cell::new(ptr::null_mut()) };
}

/// Puts back what was current, however its scope ends.
struct Restore(*mut Context<'static>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Lets `net` answer whatever the C library asks during `call`. A panic of the net goes on once C has returned.
pub(super) fn during<R>(net: &mut dyn Net, socket: &mut Socket, call: impl FnOnce() -> R) -> R {
    let mut context = Context { net, socket, panic: None };
    let restore = Restore(CURRENT.replace((&raw mut context).cast()));
    let result = call();
    drop(restore);
    if let Some(panic) = context.panic {
        resume_unwind(panic);
    }
    result
}

/// The net's answer, `otherwise` if it panics, or `None` when no simulated host is being called.
#[allow(unsafe_code)]
fn ask<R>(symbol: Symbols, otherwise: R, answer: impl FnOnce(&mut dyn Net, &mut Socket) -> R) -> Option<R> {
    let current = CURRENT.replace(ptr::null_mut());
    // SAFETY: a pointer in CURRENT is of the `during` that is running on this thread, and it was taken out, so that
    // nothing else makes a reference of it meanwhile.
    let context = unsafe { current.as_mut() }?;
    let _restore = Restore(current);
    context.socket.called.insert(symbol);
    if context.panic.is_some() {
        return Some(otherwise);
    }
    let answered = catch_unwind(AssertUnwindSafe(|| answer(context.net, context.socket)));
    Some(answered.unwrap_or_else(|panic| {
        context.panic = Some(panic);
        otherwise
    }))
}

/// What the library's own function returns; `None` before the library is loaded, when nobody calls.
fn own<R>(call: impl FnOnce(&Replaceable) -> R) -> Option<R> {
    LOADED.get()?.as_ref().ok().map(|loaded| call(&loaded.replaceable))
}

#[allow(unsafe_code)]
#[cfg_attr(target_os = "linux", unsafe(no_mangle))]
extern "C" fn enet_time_get() -> u32 {
    // SAFETY: the library's own needs nothing.
    let own = || own(|own| unsafe { (own.time_get)() });
    ask(Symbols::TIME_GET, 0, |net, _| net.now()).or_else(own).unwrap_or(0)
}

#[allow(unsafe_code)]
#[cfg_attr(target_os = "linux", unsafe(no_mangle))]
extern "C" fn enet_host_random_seed() -> u32 {
    // SAFETY: the library's own needs nothing.
    let own = || own(|own| unsafe { (own.host_random_seed)() });
    ask(Symbols::HOST_RANDOM_SEED, 0, |_, socket| socket.seed).or_else(own).unwrap_or(0)
}

#[allow(unsafe_code)]
#[cfg_attr(target_os = "linux", unsafe(no_mangle))]
extern "C" fn enet_socket_create(kind: u32) -> c_int {
    // SAFETY: the library's own takes any number.
    let own = || own(|own| unsafe { (own.socket_create)(kind) });
    ask(Symbols::SOCKET_CREATE, FAILED, |_, _| SOCKET).or_else(own).unwrap_or(FAILED)
}

#[allow(unsafe_code)]
#[cfg_attr(target_os = "linux", unsafe(no_mangle))]
unsafe extern "C" fn enet_socket_bind(socket: c_int, address: *const Address) -> c_int {
    if socket == SOCKET {
        return ask(Symbols::SOCKET_BIND, FAILED, |_, _| 0).unwrap_or(FAILED);
    }
    // SAFETY: what the caller may give us it may give to the library's own.
    own(|own| unsafe { (own.socket_bind)(socket, address) }).unwrap_or(FAILED)
}

/// The library keeps the address it was given when this fails, and never looks at it.
#[allow(unsafe_code)]
#[cfg_attr(target_os = "linux", unsafe(no_mangle))]
unsafe extern "C" fn enet_socket_get_address(socket: c_int, address: *mut Address) -> c_int {
    if socket == SOCKET {
        return ask(Symbols::SOCKET_GET_ADDRESS, FAILED, |_, _| FAILED).unwrap_or(FAILED);
    }
    // SAFETY: what the caller may give us it may give to the library's own.
    own(|own| unsafe { (own.socket_get_address)(socket, address) }).unwrap_or(FAILED)
}

#[allow(unsafe_code)]
#[cfg_attr(target_os = "linux", unsafe(no_mangle))]
extern "C" fn enet_socket_set_option(socket: c_int, option: u32, value: c_int) -> c_int {
    if socket == SOCKET {
        return ask(Symbols::SOCKET_SET_OPTION, FAILED, |_, _| 0).unwrap_or(FAILED);
    }
    // SAFETY: the library's own takes any numbers.
    own(|own| unsafe { (own.socket_set_option)(socket, option, value) }).unwrap_or(FAILED)
}

#[allow(unsafe_code)]
#[cfg_attr(target_os = "linux", unsafe(no_mangle))]
unsafe extern "C" fn enet_socket_send(
    socket: c_int,
    to: *const Address,
    buffers: *const Buffer,
    count: usize,
) -> c_int {
    if socket != SOCKET {
        // SAFETY: what the caller may give us it may give to the library's own.
        return own(|own| unsafe { (own.socket_send)(socket, to, buffers, count) }).unwrap_or(FAILED);
    }
    // SAFETY: the library gives an address, and an array of that many buffers.
    let (to, buffers) = unsafe { (to.read(), slice::from_raw_parts(buffers, count)) };
    let sent = ask(Symbols::SOCKET_SEND, FAILED, |net, socket| {
        socket.datagram.clear();
        for buffer in buffers.iter().filter(|buffer| buffer.data_length > 0) {
            // SAFETY: a buffer that is not empty points to that many bytes.
            socket
                .datagram
                .extend_from_slice(unsafe { slice::from_raw_parts(buffer.data, buffer.data_length) });
        }
        match net.send(to.into(), &socket.datagram) {
            Sent::Sent => c_int::try_from(socket.datagram.len()).unwrap_or(FAILED),
            Sent::WouldBlock => 0,
            Sent::Error => FAILED,
        }
    });
    sent.unwrap_or(FAILED)
}

#[allow(unsafe_code)]
#[cfg_attr(target_os = "linux", unsafe(no_mangle))]
unsafe extern "C" fn enet_socket_receive(
    socket: c_int,
    from: *mut Address,
    buffers: *mut Buffer,
    count: usize,
) -> c_int {
    if socket != SOCKET {
        // SAFETY: what the caller may give us it may give to the library's own.
        return own(|own| unsafe { (own.socket_receive)(socket, from, buffers, count) }).unwrap_or(FAILED);
    }
    // SAFETY: the library gives one buffer that points to that many bytes of its host, zeroed when it was created.
    let buffer = unsafe {
        let Buffer { data, data_length } = buffers.read();
        slice::from_raw_parts_mut(data, data_length)
    };
    let received = ask(Symbols::SOCKET_RECEIVE, FAILED, |net, _| {
        let capacity = buffer.len();
        match net.receive(buffer) {
            Received::Nothing => 0,
            Received::Datagram { len, from: sender } if len <= capacity => {
                // SAFETY: the library gives a place for the address.
                unsafe { from.write(sender.into()) };
                c_int::try_from(len).unwrap_or(FAILED)
            }
            Received::Datagram { .. } | Received::Truncated | Received::Error => FAILED,
        }
    });
    received.unwrap_or(FAILED)
}

/// A simulated host is never asked to wait; if it is, nothing happens meanwhile.
#[allow(unsafe_code)]
#[cfg_attr(target_os = "linux", unsafe(no_mangle))]
unsafe extern "C" fn enet_socket_wait(socket: c_int, condition: *mut u32, timeout: u32) -> c_int {
    if socket == SOCKET {
        let waited = ask(Symbols::SOCKET_WAIT, FAILED, |_, _| {
            // SAFETY: the library gives a place for the condition.
            unsafe { condition.write(0) };
            0
        });
        return waited.unwrap_or(FAILED);
    }
    // SAFETY: what the caller may give us it may give to the library's own.
    own(|own| unsafe { (own.socket_wait)(socket, condition, timeout) }).unwrap_or(FAILED)
}

#[allow(unsafe_code)]
#[cfg_attr(target_os = "linux", unsafe(no_mangle))]
extern "C" fn enet_socket_destroy(socket: c_int) {
    if socket == SOCKET {
        // A host that is dropped has no world any more.
        let _ = ask(Symbols::SOCKET_DESTROY, (), |_, _| ());
    } else {
        // SAFETY: the library destroys its own sockets once.
        let _ = own(|own| unsafe { (own.socket_destroy)(socket) });
    }
}
