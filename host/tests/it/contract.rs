//! The contract does not change within a version.

#[test]
fn the_frozen_copy_is_the_contract() {
    let current = include_str!("../../../wit/extractor.wit");
    let frozen = include_str!("../../../wit/frozen/1.0.0/extractor.wit");
    assert!(
        current.contains("package f1-streams:extractor@1.0.0;"),
        "a new version needs a new frozen copy"
    );
    assert_eq!(
        current, frozen,
        "1.0.0 is frozen: additions go into a new version"
    );
}
