//! The rows of the matrix.

pub mod memory;
pub mod socket;

pub use socket::FLAT;

use crate::row::Row;

/// All of them, in the order of the table.
pub fn all() -> Vec<Row> {
    let mut rows = socket::rows();
    rows.extend(memory::rows());
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::measure::implementation;

    #[test]
    fn every_row_has_a_name_of_its_own_and_ours_first() {
        let mut names = HashSet::new();
        for row in all() {
            assert!(names.insert(row.id), "{} twice", row.id);
            let subjects: Vec<&str> = row.subjects.iter().map(|subject| subject.name()).collect();
            assert_eq!(subjects.first().map(|first| implementation(first)), Some("ours"), "{}", row.id);
            assert_eq!(
                subjects.iter().collect::<HashSet<_>>().len(),
                subjects.len(),
                "{}: {subjects:?}",
                row.id
            );
        }
    }

    #[test]
    fn what_is_to_be_flat_is_there() {
        let names: HashSet<&str> = all().iter().map(|row| row.id).collect();
        for (row, base, _) in FLAT {
            assert!(names.contains(row) && names.contains(base), "{row} {base}");
        }
    }

    /// With next to no work. What the figures are is nobody's business here; that nothing is lost is.
    #[test]
    fn every_subject_does_every_socket_row() {
        crate::ends::allow_many_sockets();
        let has_c = enet_reference::library_or_skip("the rows with C").is_some();
        for mut row in socket::rows() {
            for subject in &mut row.subjects {
                let needs_c = implementation(subject.name()) == "c" || subject.name().contains("(C client");
                if needs_c && !has_c {
                    continue;
                }
                for _ in 0..2 {
                    let figure = subject
                        .run(0.001)
                        .unwrap_or_else(|error| panic!("{}, {}: {error}", row.id, subject.name()));
                    assert!(figure.is_finite() && figure >= 0.0, "{}, {}: {figure}", row.id, subject.name());
                }
            }
        }
    }
}
