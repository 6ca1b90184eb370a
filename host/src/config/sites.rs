//! The directory of site files. One bad file never hides the others, and a
//! directory that can't be read is not an empty one.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::key::BadKey;
use super::site::{Site, load_site};
use super::text;

const MAX_FILE: u64 = 256 * 1024;
const MAX_FILES: usize = 256;

/// Why a site is not there.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The directory can't be read: what it holds is unknown, and what was
    /// known of it stays. Its path is the directory's.
    #[error("the directory can't be read: {0}")]
    Directory(#[source] io::Error),
    /// The file can't be read, is too large, or is not UTF-8.
    #[error("{0}")]
    Unreadable(#[source] io::Error),
    /// The file's name is not a key and `.toml`.
    #[error("the file's name is the site's key: {0}")]
    BadName(#[source] BadKey),
    /// More files than are read; those that come first by name are.
    #[error("more than {MAX_FILES} site files")]
    TooMany,
    /// All that is wrong with the file's text.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
}

/// Every `*.toml` in a directory, by name: the good ones, and what is wrong with
/// the others. Names that begin with a dot are not looked at: editors and
/// Kubernetes keep theirs so.
pub fn load_sites(directory: &Path) -> (Vec<Site>, Vec<(PathBuf, SiteError)>) {
    let mut sites = Vec::new();
    let mut errors = Vec::new();
    let paths = match site_files(directory) {
        Ok(paths) => paths,
        Err(error) => {
            errors.push((directory.to_owned(), SiteError::Directory(error)));
            return (sites, errors);
        }
    };
    for (i, path) in paths.into_iter().enumerate() {
        if i >= MAX_FILES {
            // Said once: a million of them are one mistake.
            errors.push((path, SiteError::TooMany));
            break;
        }
        let site = text::read_text(&path, MAX_FILE)
            .map_err(SiteError::Unreadable)
            .and_then(|text| load_site(&path, &text));
        match site {
            Ok(site) => sites.push(site),
            Err(error) => errors.push((path, error)),
        }
    }
    (sites, errors)
}

fn site_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        let path = directory.join(&name);
        if !hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
        if paths.len() > 4 * MAX_FILES {
            first(&mut paths);
        }
    }
    first(&mut paths);
    Ok(paths)
}

/// Those that are read, and one more.
fn first(paths: &mut Vec<PathBuf>) {
    paths.sort();
    paths.truncate(MAX_FILES + 1);
}
