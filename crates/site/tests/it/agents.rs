//! What programs read: feeds, lists, documents with their schemas.

use crate::world::World;
use serde_json::Value;

fn world() -> World {
    let mut world = World::new(&[("content/pages/en/about.md", "---\ntitle: About\n---\nWho.")]);
    world.post(
        "a",
        "date: 2026-01-01T10:00:00+02:00\ndescription: One.\ntags: [x]",
        "Body & <b>\n\n[self](#h) [b](b.md)\n\n## H\n",
    );
    world.post("b", "date: 2026-01-02", "Second body.");
    world.build();
    world
}

fn json(world: &World, path: &str) -> Value {
    serde_json::from_str(&world.read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn feeds_hold_whole_articles_with_addresses_that_work() {
    let world = world();
    let rss = world.read("rss.xml");
    for part in [
        "<link>https://e.org/b/</link>",
        "<guid isPermaLink=\"true\">https://e.org/b/posts/a/</guid>",
        "<pubDate>Thu, 01 Jan 2026 08:00:00 +0000</pubDate>",
        "&lt;a href=&quot;https://e.org/b/posts/b/&quot;&gt;",
        "&lt;a href=&quot;https://e.org/b/posts/a/#h&quot;&gt;",
        "<title>T &amp; T</title>",
    ] {
        assert!(rss.contains(part), "{part}\n{rss}");
    }
    assert!(rss.find("posts/b/") < rss.find("<guid isPermaLink=\"true\">https://e.org/b/posts/a/"), "newest first");
    let atom = world.read("atom.xml");
    assert!(
        atom.contains("<updated>2026-01-02T00:00:00Z</updated>") && atom.contains("<id>https://e.org/b/posts/a/</id>")
    );
    let feed = json(&world, "feed.json");
    assert_eq!(feed["items"][1]["date_published"], "2026-01-01T08:00:00Z");
    assert!(feed["items"][0]["content_html"].as_str().unwrap().contains("Second body."));
}

#[test]
fn lists_for_models_link_to_markdown_that_exists() {
    let world = world();
    let list = world.read("llms.txt");
    assert!(list.starts_with("# T & T\n\n> About.\n\n") && list.contains("\n## Optional\n\n- ["));
    assert!(
        list.contains("- [a](https://e.org/b/posts/a.md): One.\n- [b]")
            || list.contains("- [b](https://e.org/b/posts/b.md)\n- [a](https://e.org/b/posts/a.md): One.\n")
    );
    for line in list.lines().filter(|line| line.starts_with("- [")) {
        let address = line.split("](https://e.org/b/").nth(1).unwrap().split(')').next().unwrap();
        assert!(world.has(address), "{address}");
    }
    let full = world.read("llms-full.txt");
    assert!(
        full.contains("## b\n\nURL: https://e.org/b/posts/b/\nDate: 2026-01-02\n")
            && full.contains("Body & <b>\n\n[self](#h)")
    );
    assert!(
        world.read("posts/a.md").ends_with("Body & <b>\n\n[self](#h) [b](b.md)\n\n## H\n"),
        "the twin is the source"
    );
}

/// Checks a document against the part of JSON Schema that ours use.
fn fits(value: &Value, schema: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            let properties = schema["properties"].as_object().unwrap();
            fields.iter().all(|(name, value)| properties.get(name).is_some_and(|schema| fits(value, schema)))
                && schema["required"].as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap()))
        }
        Value::Array(items) => schema["type"] == "array" && items.iter().all(|item| fits(item, &schema["items"])),
        Value::String(_) => schema["type"] == "string",
        Value::Bool(_) => schema["type"] == "boolean",
        Value::Number(_) => schema["type"] == "integer",
        Value::Null => schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "null")),
    }
}

#[test]
fn documents_fit_their_schemas_and_lead_to_files() {
    let world = world();
    for (document, schema) in
        [("protocol.json", "schemas/agent-protocol.schema.json"), ("agent/home.json", "schemas/agent-home.schema.json")]
    {
        assert!(fits(&json(&world, document), &json(&world, schema)), "{document}");
    }
    let protocol = json(&world, "protocol.json");
    assert_eq!(protocol["generated_at"], "2026-01-02T00:00:00Z");
    for locale in ["en", "ko"] {
        let documents = protocol["localized_documents"][locale].as_object().unwrap();
        assert_eq!(documents.len(), 16);
        for address in documents.values() {
            let path = address.as_str().unwrap().strip_prefix("https://e.org/b/").unwrap();
            assert!(world.has(path), "{path}");
        }
    }
    let posts = json(&world, "api/posts.json");
    assert_eq!(posts["en"][1]["published_at"], "2026-01-01T08:00:00Z");
    let catalog = json(&world, ".well-known/ai-catalog.json");
    assert_eq!(
        (&catalog["specVersion"], &catalog["entries"][0]["identifier"]),
        (&"1.0".into(), &"urn:air:e.org:site:reading".into())
    );
    assert!(
        json(&world, ".well-known/agent-skills/index.json")["skills"][0]["digest"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
}

#[test]
fn the_sitemap_names_only_pages_that_exist() {
    let world = world();
    let map = world.read("sitemap-0.xml");
    let pages: Vec<_> =
        map.split("<loc>https://e.org/b/").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert!(pages.contains(&"posts/a/") && pages.contains(&"ko/tags/"));
    for page in pages {
        assert!(world.has(&format!("{page}index.html")), "{page}");
    }
    assert!(map.contains("<lastmod>2026-01-01T08:00:00Z</lastmod>"));
}

#[test]
fn crawlers_are_told_what_they_may() {
    let mut world = world();
    let rule = |world: &World, agent: &str| {
        let robots = world.read("robots.txt");
        let group =
            robots.split("\n\n").find(|group| group.contains(&format!("User-agent: {agent}\n"))).unwrap().to_owned();
        group.lines().last().unwrap().to_owned()
    };
    assert_eq!(rule(&world, "GPTBot"), "Allow: /");
    let settings = std::fs::read_to_string(world.folder.path().join("site.toml")).unwrap();
    world.write("site.toml", &format!("{settings}ai_crawlers = \"no-training\"\n"));
    world.build();
    assert_eq!(
        (rule(&world, "GPTBot"), rule(&world, "PerplexityBot")),
        ("Disallow: /".to_owned(), "Allow: /".to_owned())
    );
}
