//! `hearth models`: what is here, what can be fetched, which one answers.

use crate::app::{self, App};
use crate::cli::HELP;
use crate::error::Failure;
use crate::models::{Catalogue, Request, Store, fetch, import, sha256_of};
use crate::out;
use crate::setup::ask_yes;
use crate::wiring::choose;
use clap::Subcommand;
use hearth_config::Overrides;
use hearth_core::error::ErrorKind;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The setting that `use` writes.
const PRIMARY: &str = "agents.defaults.model.primary";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// The models on this machine, and which one answers.
    #[command(help_template = HELP, before_help = "  hearth models list")]
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// The models that can be fetched, with what they are good for.
    #[command(help_template = HELP, before_help = "  hearth models catalogue")]
    Catalogue {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model; an interrupted download goes on where it stopped.
    #[command(help_template = HELP, before_help = "  hearth models pull qwen2.5-coder-1.5b")]
    Pull {
        /// Its name in the catalogue.
        id: String,
        /// Install pip with the system's package manager where it is needed and missing, without asking.
        #[arg(long, short)]
        yes: bool,
    },
    /// Have a model answer: one on this machine by its name, any other as provider/model, or auto to let Hearth choose.
    #[command(help_template = HELP, before_help = "  hearth models use qwen2.5-coder-1.5b\n  hearth models use anthropic/claude-sonnet-5-5\n  hearth models use auto")]
    Use {
        /// Its name.
        name: String,
    },
    /// Everything known about a model.
    #[command(help_template = HELP, before_help = "  hearth models show qwen2.5-coder-1.5b")]
    Show {
        /// Its name.
        id: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Delete a model from this machine.
    #[command(help_template = HELP, before_help = "  hearth models rm smollm2-135m")]
    Rm {
        /// Its name.
        id: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Take over a GGUF file that is on this machine already.
    #[command(help_template = HELP, before_help = "  hearth models import ~/Downloads/model.gguf")]
    Import {
        /// The file; it is copied.
        file: PathBuf,
        /// What to call it.
        #[arg(long)]
        id: Option<String>,
    },
}

/// Runs the command.
pub(crate) fn run(app: &App, verb: Verb) -> anyhow::Result<()> {
    let models_dir = app.home.models_dir();
    let catalogue = Catalogue::load(&models_dir)?;
    match verb {
        Verb::List { json } => app::block_on(async { list(app, &catalogue, json).await }),
        Verb::Catalogue { json } => list_catalogue(app, &catalogue, json),
        Verb::Pull { id, yes } => pull(app, &catalogue, &id, yes),
        Verb::Use { name } => choose_for_good(app, &catalogue, &name),
        Verb::Show { id, json } => show(app, &catalogue, &id, json),
        Verb::Rm { id, yes } => remove(app, &catalogue, &id, yes),
        Verb::Import { file, id } => {
            app.home.create()?;
            let model = import(&file, id, &models_dir, &catalogue)?;
            out::note(format!(
                "{} is here as {}; to have it answer: hearth models use {}",
                model.title, model.id, model.id
            ));
            Ok(())
        }
    }
}

async fn list(app: &App, catalogue: &Catalogue, json: bool) -> anyhow::Result<()> {
    let store = Store::open(&app.home.models_dir(), catalogue);
    let loaded = app.load(&Overrides::default())?;
    let answering = choose(app, &loaded).await?;
    if json {
        let models: Vec<Value> = store
            .models()
            .iter()
            .map(|model| {
                json!({ "id": model.id, "title": model.title, "bytes": model.bytes, "sha256": model.sha256,
                    "contextTokens": model.context_tokens, "file": store.path(model) })
            })
            .collect();
        out::json(&json!({ "models": models, "answering": answering.name() }))?;
        return Ok(());
    }
    out::line(format!("answering   {}", answering.describe()))?;
    for model in store.models() {
        out::line(format!("{:<26} {:>9}  {}", model.id, out::bytes(model.bytes), model.title))?;
    }
    if store.models().is_empty() {
        out::note("no model file is here; what can be fetched: hearth models catalogue");
    }
    Ok(())
}

fn list_catalogue(app: &App, catalogue: &Catalogue, json: bool) -> anyhow::Result<()> {
    if json {
        out::json(&json!({ "models": catalogue.entries() }))?;
        return Ok(());
    }
    let store = Store::open(&app.home.models_dir(), catalogue);
    for entry in catalogue.entries() {
        let here = if store.find(&entry.id).is_some() { "  (here)" } else { "" };
        out::line(format!(
            "{:<22} {:>9}  {:<12} {}{here}",
            entry.id,
            out::bytes(entry.bytes),
            entry.licence,
            entry.quality
        ))?;
        out::line(format!("{:<22} {:>9}  {}", "", "", entry.note))?;
    }
    Ok(())
}

fn pull(app: &App, catalogue: &Catalogue, id: &str, yes: bool) -> anyhow::Result<()> {
    let entry = catalogue.get(id)?;
    app.home.create()?;
    let models_dir = app.home.models_dir();
    let mut store = Store::open(&models_dir, catalogue);
    let root = rustix::process::geteuid().is_root();
    let request = Request {
        entry,
        models_dir: &models_dir,
        environment: &app.environment,
        may_install_pip: yes || root,
        keys: "Ctrl-C stops; what has arrived is kept",
    };
    let path = app::block_on(async { Ok(fetch(request, &mut store).await?) })?;
    out::note(format!("{} is here: {}", entry.title, app.show(&path)));
    Ok(())
}

fn choose_for_good(app: &App, catalogue: &Catalogue, name: &str) -> anyhow::Result<()> {
    if name == "auto" {
        hearth_config::unset(&app.home, PRIMARY)?;
        out::note("Hearth chooses: a provider's key, a server on this machine, else the model here");
        return Ok(());
    }
    let name = if name.contains('/') {
        let loaded = app.load(&Overrides::default())?;
        if !name.starts_with("local/") {
            crate::wiring::setup(app, &loaded, name)?;
        }
        name.to_owned()
    } else {
        let store = Store::open(&app.home.models_dir(), catalogue);
        if store.find(name).is_none() {
            let entry = catalogue.get(name)?;
            return Err(Failure::new(ErrorKind::NoModel, format!("{} is not on this machine yet", entry.title))
                .hint(format!("hearth models pull {name}"))
                .into());
        }
        format!("local/{name}")
    };
    hearth_config::set(&app.home, PRIMARY, &name)?;
    out::note(format!("{name} answers from the next start of the gateway; in a running chat: /model {name}"));
    Ok(())
}

fn show(app: &App, catalogue: &Catalogue, id: &str, json: bool) -> anyhow::Result<()> {
    let store = Store::open(&app.home.models_dir(), catalogue);
    let here = store.find(id);
    let entry = catalogue.find(id);
    if here.is_none() && entry.is_none() {
        catalogue.get(id)?;
    }
    let file = here.map(|model| store.path(model));
    let summary = file.as_ref().map(|path| hearth_infer::inspect(path)).transpose()?;
    let details = json!({
        "id": id,
        "title": here.map(|model| model.title.as_str()).or(entry.map(|entry| entry.title.as_str())),
        "here": here.is_some(),
        "file": file,
        "bytes": here.map(|model| model.bytes).or(entry.map(|entry| entry.bytes)),
        "sha256": here.map(|model| model.sha256.as_str()).or(entry.map(|entry| entry.sha256.as_str())),
        "licence": entry.map(|entry| entry.licence.clone()).or_else(|| summary.as_ref().and_then(|summary| summary.license.clone())),
        "quality": entry.map(|entry| entry.quality.as_str()),
        "note": entry.map(|entry| entry.note.as_str()),
        "memoryBytes": entry.map(|entry| entry.memory_bytes),
        "contextTokens": here.map(|model| model.context_tokens).or(entry.map(|entry| entry.context_tokens)),
        "architecture": summary.as_ref().map(|summary| summary.architecture.as_str()),
        "parameters": summary.as_ref().map(|summary| summary.parameters),
        "quantization": summary.as_ref().map(|summary| summary.quantization.as_str()),
    });
    if json {
        out::json(&details)?;
        return Ok(());
    }
    for (name, value) in details.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        out::line(format!("{name:<14} {text}"))?;
    }
    Ok(())
}

fn remove(app: &App, catalogue: &Catalogue, id: &str, yes: bool) -> anyhow::Result<()> {
    let mut store = Store::open(&app.home.models_dir(), catalogue);
    if !yes && out::interactive() && store.find(id).is_some() && !ask_yes(&format!("delete {id} from this machine?"))? {
        return Err(Failure::new(ErrorKind::Denied, "nothing was deleted").into());
    }
    let freed = store.remove(id)?;
    out::note(format!("{id} is deleted; {} are free again", out::bytes(freed)));
    Ok(())
}

/// Compares a model file with its checksum, reading all of it.
pub(crate) fn is_sound(path: &std::path::Path, sha256: &str) -> std::io::Result<bool> {
    Ok(sha256_of(&mut std::fs::File::open(path)?)?.0 == sha256)
}
