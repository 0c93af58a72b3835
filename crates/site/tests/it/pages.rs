//! What is where, in which order, and what a page says of itself.

use crate::world::World;

fn three_posts() -> World {
    let world = World::new(&[
        ("content/pages/en/about.md", "---\ntitle: About\norder: 1\n---\nWho."),
        ("content/posts/ko/old.md", "---\ntitle: 옛\ndate: 2026-01-01\n---\n글"),
        ("static/robots.png", "x"),
    ]);
    world.post("old", "date: 2026-01-01\ntags: [Rust, \"C++\"]\npinned: true", "a");
    world.post("mid", "date: 2026-01-02\ntags: [Rust]\ncategory: Notes", "## One\n\n## Two");
    world.post("new", "date: 2026-01-03\nupdated: 2026-02-01\ndescription: \"</script> & more\"", "c");
    world
}

#[test]
fn every_route_is_there() {
    let mut world = three_posts();
    world.build();
    for path in [
        "index.html",
        "index.md",
        "page/2/index.html",
        "posts/old/index.html",
        "posts/old.md",
        "about/index.html",
        "about.md",
        "tags/index.html",
        "tags/rust/index.html",
        "tags/rust.md",
        "tags/c/index.html",
        "categories/general/index.html",
        "search/index.html",
        "search.json",
        "for-agents/index.html",
        "404.html",
        "rss.xml",
        "atom.xml",
        "feed.json",
        "llms.txt",
        "llms-full.txt",
        "robots.txt",
        "sitemap-index.xml",
        "sitemap-0.xml",
        "ko/index.html",
        "ko/posts/old/index.html",
        "ko/rss.xml",
        "ko/llms.txt",
        "robots.png",
        "protocol.json",
        "skill.md",
        ".well-known/ai-catalog.json",
        ".well-known/agent-skills/index.json",
    ] {
        assert!(world.has(path), "{path}");
    }
    for path in ["page/3/index.html", "ko/posts/mid/index.html", "ko/about/index.html", "ko/tags/rust/index.html"] {
        assert!(!world.has(path), "{path}");
    }
}

#[test]
fn pinned_posts_come_first_and_then_the_newest() {
    let mut world = three_posts();
    world.build();
    let titles = |page: &str| {
        let page = world.read(page);
        page.split("<h2><a href=")
            .skip(1)
            .map(|rest| rest.split(['>', '<']).nth(1).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(titles("index.html"), ["old", "new"]);
    assert_eq!(titles("page/2/index.html"), ["mid"]);
    assert!(world.read("index.html").contains("rel=\"next\" href=\"/b/page/2/\""));
    assert!(world.read("page/2/index.html").contains("rel=\"prev\" href=\"/b/\""));
    // Beside a post stand those before and after it in time, pinned or not.
    let mid = world.read("posts/mid/index.html");
    assert!(mid.contains("rel=\"prev\" href=\"/b/posts/old/\"") && mid.contains("rel=\"next\" href=\"/b/posts/new/\""));
    assert!(
        mid.contains("<nav class=\"contents\"") && !world.read("posts/new/index.html").contains("class=\"contents\"")
    );
}

#[test]
fn languages_know_of_each_other() {
    let mut world = three_posts();
    world.build();
    let both = world.read("posts/old/index.html");
    for line in [
        "<link rel=\"canonical\" href=\"https://e.org/b/posts/old/\">",
        "hreflang=\"en\" href=\"https://e.org/b/posts/old/\"",
        "hreflang=\"ko\" href=\"https://e.org/b/ko/posts/old/\"",
        "hreflang=\"x-default\" href=\"https://e.org/b/posts/old/\"",
    ] {
        assert!(both.contains(line), "{line}\n{both}");
        let other = world.read("ko/posts/old/index.html");
        assert!(line.contains("canonical") || other.contains(line), "{line}");
    }
    let one = world.read("posts/mid/index.html");
    assert!(!one.contains("hreflang=\"ko\" href=\"https://"), "no page, no alternate");
    assert!(one.contains("<a href=\"/b/ko/\" hreflang=\"ko\""), "the switch leads to the language's first page");
    assert!(world.read("ko/index.html").contains("<html lang=\"ko\">"));
}

#[test]
fn what_is_written_can_hold_anything() {
    let mut world = three_posts();
    world.build();
    let page = world.read("posts/new/index.html");
    let data = page.split("ld+json\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["@graph"][0]["description"], "</script> & more");
    assert_eq!(data["@graph"][0]["dateModified"], "2026-02-01T00:00:00Z");
    assert!(page.contains("content=\"&lt;/script&gt; &amp; more\""));
    assert!(page.contains("<title>new · T &amp; T</title>"));
}

#[test]
fn drafts_are_nowhere_unless_asked_for() {
    let mut world = three_posts();
    world.post("secret", "date: 2026-03-01\ndraft: true\ntags: [hidden]", "word");
    world.build();
    let seen: Vec<_> =
        world.files().into_iter().filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains("secret")).collect();
    assert!(seen.is_empty(), "{:?}", seen.iter().map(|(path, _)| path).collect::<Vec<_>>());
    assert!(!world.has("posts/secret.md") && !world.has("tags/hidden.md"));
    let options = hearth_site::Options { drafts: true, ..world.options() };
    hearth_site::build(&options, &mut world.cache).unwrap();
    assert!(world.read("index.html").contains("secret"));
}

#[test]
fn pictures_and_links_beside_a_text_are_found() {
    let mut world = three_posts();
    let png = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[0, 0, 0, 7, 0, 0, 0, 5]].concat();
    world.write("content/posts/en/img/a.png", "");
    std::fs::write(world.folder.path().join("content/posts/en/img/a.png"), png).unwrap();
    world.post("links", "date: 2026-01-04", "[m](mid.md#one) [k](../ko/old.md) [a](/about) ![A](img/a.png)");
    let report = world.build();
    let page = world.read("posts/links/index.html");
    for part in [
        "<a href=\"/b/posts/mid/#one\">",
        "<a href=\"/b/ko/posts/old/\">",
        "<a href=\"/b/about/\">",
        "<img src=\"/b/media/posts/en/img/a.png\" alt=\"A\" width=\"7\" height=\"5\"",
        "<meta property=\"og:image\" content=\"https://e.org/b/media/posts/en/img/a.png\">",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert!(world.has("media/posts/en/img/a.png"));
}

#[test]
fn a_theme_changes_a_block_and_the_styles() {
    let mut world = three_posts();
    world.write("theme/post.html", "{% extends \"builtin/post.html\" %}{% block footer %}<p>mine</p>{% endblock %}");
    world.write("theme/style.css", ".mine { color: red; }");
    world.write("theme/strings/en.toml", "older = \"Before\"");
    world.build();
    let page = world.read("posts/mid/index.html");
    assert!(page.contains("<p>mine</p>") && page.contains("<small>Before</small>") && page.contains("<h1>mid</h1>"));
    let style = world.files().into_iter().find(|(path, _)| path.ends_with(".css")).unwrap();
    assert!(String::from_utf8(style.1).unwrap().ends_with(".mine { color: red; }\n"));
}

#[test]
fn nothing_is_loaded_from_elsewhere_unless_it_is_named() {
    let mut world = three_posts();
    world.build();
    let foreign = |world: &World| world.read("posts/mid/index.html").matches("src=\"https://").count();
    assert_eq!(foreign(&world), 0);
    let text = std::fs::read_to_string(world.folder.path().join("site.toml")).unwrap();
    world.write("site.toml", &format!("{text}[services]\nanalytics_id = \"G-1\"\ncrisp_id = \"c\"\n[services.giscus]\nrepo=\"o/n\"\nrepo_id=\"R\"\ncategory=\"C\"\ncategory_id=\"I\"\n"));
    world.build();
    assert_eq!(foreign(&world), 3);
}
