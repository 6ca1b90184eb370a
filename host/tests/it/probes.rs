//! What a new version is tried on.

use crate::guests::{Guest, TRAP};
use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_makes_every_version_fail_holds_none_back() {
    let house = House::empty("").await;
    let trapping = |version| {
        let guest = Guest {
            key: "trapper",
            version,
            probe: TRAP,
            ..Guest::default()
        };
        guest.component()
    };
    let serves = async |version: &str| {
        house
            .wait(version, async |house| {
                let status = house.plugin_status("trapper").await;
                (status["version"] == version).then_some(status)
            })
            .await
    };
    house.drop_plugin("trapper", &trapping("1.0.0"));
    serves("1.0.0").await;
    let site = "plugin = \"trapper\"\nallow_addresses = [\"127.0.0.0/8\"]\n";
    house.write_site_file("own", site);
    house
        .wait("the site", async |house| {
            let status = house.plugin_status("trapper").await;
            (status["sites"][0]["key"] == "own").then_some(())
        })
        .await;
    house.drop_plugin("trapper", &trapping("1.0.1"));
    serves("1.0.1").await;
}
