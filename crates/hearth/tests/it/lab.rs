//! The laws of scaling from the command line.

use crate::world::World;

#[tokio::test]
async fn an_audit_says_how_undertrained_a_model_is() {
    let world = World::new();
    let done = world.run(&["lab", "plan", "--parameters", "175B", "--tokens", "300B"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("undertrained 10.3 times: its size deserves 3.08T tokens"), "{done:?}");
}

#[tokio::test]
async fn a_plan_of_days_is_that_of_its_operations() {
    let world = World::new();
    let common = ["lab", "plan", "--device", "h100", "--devices", "8", "--json"];
    let by_days = world.run(&[&common[..], &["--days", "10"]].concat()).await.json();
    let flop = by_days["plan"]["optimum"]["flop"].as_f64().unwrap();
    let by_flop = world.run(&[&common[..], &["--flop", &flop.to_string()]].concat()).await.json();
    let hours = by_flop["plan"]["hours"].as_f64().unwrap();
    assert!((hours - 240.0).abs() < 1e-6, "{by_flop}");
}

#[tokio::test]
async fn wrong_wishes_and_tables_say_what_to_change() {
    let world = World::new();
    let nothing = world.run(&["lab", "plan"]).await;
    assert_eq!((nothing.code, nothing.stderr.contains("--days")), (Some(1), true), "{nothing:?}");
    let device = world.run(&["lab", "plan", "--device", "abacus", "--days", "1"]).await;
    assert_eq!((device.code, device.stderr.contains("cpu-core")), (Some(1), true), "{device:?}");
    let table = world.root().join("runs.csv");
    std::fs::write(&table, "n,d,loss\n1e6,1e7,3.0\n1e6,x,3.0\n").unwrap();
    let wrong = world.run(&["lab", "fit", table.to_str().unwrap()]).await;
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.stderr.contains("line 3, column `d`: `x` is not a positive number"), "{wrong:?}");
    assert!(wrong.stderr.contains("runs.csv"), "{wrong:?}");
}
