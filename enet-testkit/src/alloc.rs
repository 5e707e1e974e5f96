//! [`Counting`]: a global allocator that counts, thread by thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting what each thread asks of it. Install it in a test binary:
///
/// ```
/// use enet_testkit::alloc::{Counting, allocations};
///
/// #[global_allocator]
/// static ALLOCATOR: Counting = Counting;
///
/// let ((), nothing) = allocations(|| ());
/// assert_eq!(nothing.count, 0);
///
/// let (vector, one) = allocations(|| vec![0_u8; 100]);
/// assert_eq!((one.count, one.bytes), (1, 100));
/// drop(vector);
/// ```
pub struct Counting;

/// What a thread asked of the allocator. Growing an allocation counts as one more, of the new size; giving memory back
/// does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allocations {
    /// How many times.
    pub count: u64,
    /// How many bytes in all.
    pub bytes: u64,
}

thread_local! {
    // Const and without a destructor: reading it never allocates, and it outlives every other thread-local.
    static ASKED: Cell<Allocations> = const { Cell::new(Allocations { count: 0, bytes: 0 }) };
    // Less than nothing where a thread gives back what another one took.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

/// Bytes that this thread has asked for and not given back. Always nothing unless [`Counting`] is the global allocator.
///
/// ```
/// use enet_testkit::alloc::{Counting, held};
///
/// #[global_allocator]
/// static ALLOCATOR: Counting = Counting;
///
/// let before = held();
/// let vector = vec![0_u8; 100];
/// assert_eq!(held() - before, 100);
/// drop(vector);
/// assert_eq!(held(), before);
/// ```
pub fn held() -> isize {
    HELD.get()
}

fn hold(before: usize, after: usize) {
    let _ =
        HELD.try_with(|held| held.set(held.get().wrapping_add_unsigned(after).wrapping_sub_unsigned(before)));
}

/// What this thread has asked for while `work` ran. Always nothing unless [`Counting`] is the global allocator.
pub fn allocations<R>(work: impl FnOnce() -> R) -> (R, Allocations) {
    let before = ASKED.get();
    let result = work();
    let after = ASKED.get();
    (result, Allocations { count: after.count - before.count, bytes: after.bytes - before.bytes })
}

fn count(bytes: usize) {
    // A thread that is being torn down allocates uncounted.
    let _ = ASKED.try_with(|asked| {
        let Allocations { count, bytes: total } = asked.get();
        asked.set(Allocations { count: count + 1, bytes: total + bytes as u64 });
    });
}

// SAFETY: every call goes to the system's allocator as it came.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        hold(0, layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        hold(0, layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size);
        hold(layout.size(), new_size);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, new_size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        hold(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
