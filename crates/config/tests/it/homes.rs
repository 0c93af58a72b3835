//! Where a home lies and what is in it.

use crate::world::World;
use hearth_config::{Created, Environment, Error, Home};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn root(explicit: Option<&str>, variables: &[(&str, &str)]) -> Result<String, String> {
    let environment = Environment::fixed(variables.iter().copied());
    let home = Home::locate(explicit.map(Into::into), &environment).map_err(|error| error.to_string())?;
    Ok(home.root().display().to_string())
}

#[test]
fn the_home_is_found() {
    assert_eq!(root(None, &[("HOME", "/home/ada")]).as_deref(), Ok("/home/ada/.hearth"));
    assert_eq!(root(None, &[("HOME", "/home/ada"), ("HEARTH_HOME", "/srv/h")]).as_deref(), Ok("/srv/h"));
    assert_eq!(root(None, &[("HOME", "/home/ada"), ("HEARTH_HOME", "~/h")]).as_deref(), Ok("/home/ada/h"));
    assert_eq!(root(Some("/x"), &[("HEARTH_HOME", "/srv/h")]).as_deref(), Ok("/x"));
    let nowhere = root(None, &[("HEARTH_HOME", "")]).unwrap_err();
    assert_eq!(nowhere, "no home folder is known: neither HEARTH_HOME nor HOME is set");
}

#[test]
fn creating_a_home_makes_private_folders_once() {
    let world = World::new();
    assert_eq!(world.home.create().unwrap(), Created::New);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in [
        world.home.root(),
        &world.home.credentials_dir(),
        &world.home.run_dir(),
        &world.home.models_dir(),
        &world.home.logs_dir(),
    ] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(&world.home.config_file()), 0o600);

    world.write("{ gateway: { port: 2000 } }");
    assert_eq!(world.home.create().unwrap(), Created::Existing);
    assert_eq!(world.text(), "{ gateway: { port: 2000 } }");
}

#[test]
fn a_file_in_the_way_is_named() {
    let world = World::new();
    std::fs::write(world.path("home"), "").unwrap();
    let error = world.home.create().unwrap_err();
    assert!(matches!(&error, Error::Io { action: "creating", path, .. } if path == world.home.root()), "{error}");
}

#[test]
fn each_agent_has_its_places() {
    let environment = Environment::fixed([("HOME", "/home/ada")]);
    let home = Home::locate(None, &environment).unwrap();
    assert_eq!(home.workspace("main"), Path::new("/home/ada/.hearth/workspace"));
    assert_eq!(home.workspace("work"), Path::new("/home/ada/.hearth/workspace-work"));
    assert_eq!(home.sessions_dir("work"), Path::new("/home/ada/.hearth/agents/work/sessions"));
    assert_eq!(home.resolve(Path::new("~/notes")), Path::new("/home/ada/notes"));
    assert_eq!(home.resolve(Path::new("notes")), Path::new("/home/ada/.hearth/notes"));
    assert_eq!(home.display(&home.config_file()), "~/.hearth/hearth.json5");
}
