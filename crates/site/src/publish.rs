//! How a site gets onto the web: a workflow that builds it and hands it to GitHub Pages.

use crate::error::Error;
use crate::output;
use std::path::{Path, PathBuf};

const WORKFLOW: &str = "\
# Builds the site and publishes it with GitHub Pages. Switch Pages to \"GitHub Actions\" in the repository's settings, and
# set the repository variable HEARTH_REPOSITORY to where hearth's source lives.
name: site
on:
  push:
    branches: [main]
  workflow_dispatch:
permissions:
  contents: read
  pages: write
  id-token: write
concurrency:
  group: pages
  cancel-in-progress: false
jobs:
  publish:
    runs-on: ubuntu-latest
    environment:
      name: github-pages
      url: ${{ steps.deploy.outputs.page_url }}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/cache@v4
        with:
          path: |
            ~/.cargo/bin/hearth
            .cache
          key: site-${{ github.run_id }}
          restore-keys: site-
      - run: command -v hearth || cargo install --locked --git \"${{ vars.HEARTH_REPOSITORY }}\" hearth
      - run: hearth site check
      - run: hearth site build
      - uses: actions/upload-pages-artifact@v3
        with:
          path: dist
      - id: deploy
        uses: actions/deploy-pages@v4
";

/// Writes the workflow into the site's folder and returns its path; a workflow that is there already is replaced.
///
/// # Errors
/// When the file can't be written.
pub fn publish_workflow(root: &Path) -> Result<PathBuf, Error> {
    let file = root.join(".github/workflows/site.yml");
    output::write(&file, WORKFLOW.as_bytes())?;
    Ok(file)
}
