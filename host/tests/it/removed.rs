//! Files that went while nobody watched.

use crate::guests::Guest;
use crate::house::{House, site_a_wasm};

#[tokio::test(flavor = "multi_thread")]
async fn of_a_plugin_that_was_removed_while_the_service_was_down_nothing_stays() {
    let house = House::empty("").await;
    let other = Guest {
        key: "other",
        ..Guest::default()
    };
    house.drop_plugin("other", &other.component());
    house
        .wait("the other plugin", async |house| {
            house.plugin_status("other").await["generation"].as_u64()
        })
        .await;
    // As it is when a file was there at the last start.
    let copies = house.dir.path().join("cache/plugins");
    let copy = copies.join("site-a.wasm");
    std::fs::create_dir_all(&copies).unwrap();
    std::fs::copy(site_a_wasm(), &copy).unwrap();
    std::fs::write(copies.join("site-a.json"), "{}").unwrap();
    let house = house.restart().await;
    house
        .wait("it to be forgotten", async |_| {
            (!copy.exists()).then_some(())
        })
        .await;
    assert!(!copies.join("site-a.json").exists());
    assert!(house.plugin_status("site-a").await.is_null());
    assert!(!house.plugin_status("other").await.is_null());
}
