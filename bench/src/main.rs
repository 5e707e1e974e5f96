//! The matrix of benchmarks: ours and the rivals, interleaved in one run. `cargo xtask bench` calls it.

mod row;
mod rows;

fn main() {
    for row in rows::all() {
        println!("{}: {}", row.id, row.title);
    }
}
