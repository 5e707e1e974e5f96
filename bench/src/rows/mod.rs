//! The rows of the matrix.

pub mod memory;
pub mod socket;

use crate::row::Row;

/// All of them, in the order of the table.
pub fn all() -> Vec<Row> {
    let mut rows = socket::rows();
    rows.extend(memory::rows());
    rows
}
