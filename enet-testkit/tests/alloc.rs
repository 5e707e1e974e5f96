//! The counting allocator counts, and only its own thread.

use enet_testkit::alloc::{Allocations, Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn each_allocation_counts_with_its_bytes() {
    let (_kept, asked) = allocations(|| (Box::new([0_u8; 32]), vec![0_u8; 100]));
    assert_eq!(asked, Allocations { count: 2, bytes: 132 });
}

#[test]
fn growing_counts_again() {
    let mut vector: Vec<u8> = Vec::with_capacity(8);
    let ((), asked) = allocations(|| vector.reserve_exact(16));
    assert_eq!(asked, Allocations { count: 1, bytes: 16 });
}

#[test]
fn giving_back_and_reusing_do_not_count() {
    let mut vector: Vec<u8> = Vec::with_capacity(8);
    let ((), asked) = allocations(|| {
        vector.extend_from_slice(&[0; 8]);
        vector.clear();
        vector.extend_from_slice(&[0; 8]);
        drop(vector);
    });
    assert_eq!(asked, Allocations::default());
}

#[test]
fn other_threads_do_not_count() {
    let (sent, received) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        received.recv().expect("the test goes on");
        let vectors: Vec<Vec<u8>> = (0..100).map(|_| vec![0; 1000]).collect();
        vectors.len()
    });
    let (made, asked) = allocations(|| {
        sent.send(()).expect("the thread waits");
        thread.join().expect("the thread ends well")
    });
    assert_eq!(made, 100);
    assert!(asked.bytes < 100_000, "{asked:?}");
}
