//! A run's files in the log directory: found, opened and removed there and nowhere else.
//!
//! In: paths as the orchestrator stored them. Out: [`RunFiles`], open files with their [`Identity`], removals. Follows no
//! symlink at the end of a path, leaves the log directory on no way, and takes regular files only (cap-std holds that also
//! against somebody who swaps a folder meanwhile).

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt as _};

use super::file::{FileName, Identity, LogPath, METRICS_SUFFIX, OpenedFile, PlannedFile, RunFiles};
use super::listed::Listed;
use super::store::Paths;
use super::tail::aside;
use super::volume::Volume;
use crate::config::PathMapping;
use crate::error::{Error, Kind, Result};
use crate::fail_point;
use crate::folder::Folder;
use crate::printable::shortened;
use crate::run::RunId;

/// The log directory of the instance.
pub struct LogsDir {
    pub(super) root: Dir,
    path: PathBuf,
    maps: Vec<PathMapping>,
    /// Stored paths that begin so, and go on with a name, are files of that name in the folder itself.
    plain: Vec<String>,
}

/// Where stored paths lead into the log directory itself, as texts that end with a slash: what [`LogsDir::locate`] would find
/// for most of a million paths, component by component.
fn plain(path: &Path, maps: &[PathMapping]) -> Vec<String> {
    let here = PathMapping { from: path.to_owned(), to: path.to_owned() };
    let all: Vec<_> = maps.iter().chain([&here]).collect();
    let is_apart = |one: &PathMapping, other: &&PathMapping| {
        !one.from.starts_with(&other.from) && !other.from.starts_with(&one.from)
    };
    let is_plain = |(at, map): &(usize, &&PathMapping)| {
        // None before it may be about the same paths.
        map.to == path && map.from.is_absolute() && all.iter().take(*at).all(|before| is_apart(map, before))
    };
    let text = |(_, map): (usize, &&PathMapping)| Some(map.from.to_str()?.trim_end_matches('/').to_owned() + "/");
    all.iter().enumerate().filter(is_plain).filter_map(text).collect()
}

/// Without `.` and doubled slashes.
fn normal(path: &Path) -> Box<Path> {
    let text = path.as_os_str().as_encoded_bytes();
    let is_normal = !text.windows(2).any(|pair| matches!(pair, b"//" | b"/.")) && !text.ends_with(b"/");
    if is_normal { path.into() } else { path.components().collect::<PathBuf>().into() }
}

/// A removed file whose blocks are still taken; dropping it gives them back.
#[must_use = "dropping it at once is what it is there to avoid"]
#[derive(Debug)]
pub struct HeldBlocks(#[expect(dead_code, reason = "held, not read")] File);

/// Cron starts elsewhere than people do.
pub(super) fn from_here() -> String {
    let here = std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default();
    format!("relative paths count from the current directory, `{here}`")
}

impl LogsDir {
    /// Opens the folder; `maps` translate stored paths, the more specific first.
    pub fn open(path: &Path, maps: &[PathMapping]) -> Result<Self> {
        let opened =
            std::path::absolute(path).and_then(|path| Ok((Dir::open_ambient_dir(&path, ambient_authority())?, path)));
        let (root, path) = opened.map_err(|error| {
            Error::caused(Kind::LogsNotMounted, format!("open the log directory `{}`", path.display()), error)
                .hint(format!("is the volume mounted, and may this user read it? check --logs-dir; {}", from_here()))
        })?;
        // Absolute once, and not for each of a million paths.
        let absolute = |map: &PathMapping| {
            let to = std::path::absolute(&map.to).unwrap_or_else(|_| map.to.clone());
            PathMapping { from: map.from.clone(), to }
        };
        let maps: Vec<_> = maps.iter().map(absolute).collect();
        Ok(LogsDir { plain: plain(&path, &maps), root, path, maps })
    }

    /// The path of a file, absolute.
    pub fn path_of(&self, path: &LogPath) -> PathBuf {
        self.path.join(path.as_path())
    }

    /// The folder, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nothing at all is in it, as in a mount point without its volume.
    pub fn is_empty(&self) -> Result<bool> {
        let first = self.root.entries().and_then(|mut entries| entries.next().transpose());
        let context = || format!("list the log directory `{}`", self.path.display());
        first.map(|entry| entry.is_none()).map_err(|error| Error::caused(Kind::FileUnreadable, context(), error))
    }

    /// The stored path inside the log directory, or why it is not there.
    pub fn locate(&self, stored: &str) -> Result<LogPath> {
        let refused = |why: &str| {
            let shown = shortened(stored);
            Err(Error::new(Kind::OutsideLogsDir, format!("use the path `{}`: {why}", shown.escape_debug()))
                .hint("the run is left alone; correct the row, or translate the path with --path-map FROM=TO"))
        };
        if stored.is_empty() || stored.contains('\0') {
            return refused("it is not a path");
        }
        let plain_name = self.plain.iter().find_map(|folder| stored.strip_prefix(folder.as_str()));
        if let Some(name) = plain_name.filter(|name| !matches!(*name, "" | "." | "..") && !name.contains('/')) {
            return Ok(LogPath(Path::new(name).into()));
        }
        let stored_path = Path::new(stored);
        if stored_path.components().any(|component| matches!(component, Component::ParentDir)) {
            return refused("it holds `..`");
        }
        let mapped = self.maps.iter().find_map(|map| Some(map.to.join(stored_path.strip_prefix(&map.from).ok()?)));
        let here = match mapped.map_or_else(|| std::path::absolute(stored_path), Ok) {
            Ok(path) => path,
            Err(_) => return refused("it is not a path"),
        };
        match here.strip_prefix(&self.path) {
            Ok(relative) if relative.components().next().is_some() => Ok(LogPath(normal(relative))),
            _ => refused(&format!("it lies outside the log directory `{}`", self.path.display())),
        }
    }

    /// A path relative to the log directory, as a receipt has it; `None` where it is not one.
    pub fn relative(&self, path: &str) -> Option<LogPath> {
        let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
        let path = Path::new(path);
        (path.components().all(plain) && path.file_name().is_some()).then(|| LogPath(path.into()))
    }

    /// Lists the folder, for who looks for the files of many runs.
    pub fn list(&self) -> io::Result<Listed> {
        let mut listed = Listed::default();
        for entry in self.root.entries()? {
            entry?.file_name().to_str().into_iter().for_each(|name| listed.add(name));
        }
        Ok(listed)
    }

    /// Finds the files of a run: log, and metrics under the stored name or, for cancelled runs, under the run's id.
    /// A missing log is a result; one that cannot be looked at, or is no regular file, is an error. With `listed`, nothing is
    /// looked for that it lacks.
    pub fn find(&self, id: &RunId, paths: &Paths, listed: Option<&Listed>) -> Result<RunFiles> {
        let look = |path: &LogPath| match listed {
            Some(listed) if listed.lacks(path.as_path()) => Ok(None),
            _ => self.look(path),
        };
        let mut found = RunFiles::default();
        let log = self.locate(&paths.log)?;
        match look(&log)? {
            Some(identity) => found.files.push(PlannedFile { name: FileName::Log, path: log, identity }),
            None => found.missing_log = Some(log),
        }
        let stored = paths.metrics.as_deref().map(|path| self.locate(path)).transpose()?;
        let is_lacking = listed.is_some_and(|listed| listed.lacks_metrics_of(id));
        let forms: &[fn(&RunId) -> String] = if is_lacking { &[] } else { &[RunId::to_string, RunId::simple] };
        let by_name = forms.iter().map(|form| LogPath(PathBuf::from(form(id) + METRICS_SUFFIX).into()));
        for path in stored.into_iter().chain(by_name) {
            if let Some(identity) = look(&path)? {
                found.files.push(PlannedFile { name: FileName::Metrics, path, identity });
                break;
            }
        }
        // A plan keeps these of each run.
        found.files.shrink_to_fit();
        Ok(found)
    }

    /// Finds the log of a run; `None` where it is not there.
    pub fn find_log(&self, paths: &Paths) -> Result<Option<PlannedFile>> {
        let path = self.locate(&paths.log)?;
        let found = self.look(&path)?;
        Ok(found.map(|identity| PlannedFile { name: FileName::Log, path, identity }))
    }

    /// The identity of a regular file; `None` where there is nothing, an error where there is something else.
    pub fn look(&self, path: &LogPath) -> Result<Option<Identity>> {
        match self.root.symlink_metadata(path.as_path()) {
            Ok(metadata) if metadata.is_file() => Ok(Some(Identity::of(&metadata))),
            Ok(metadata) => {
                let what = match metadata.file_type() {
                    kind if kind.is_symlink() => "a symlink",
                    kind if kind.is_dir() => "a directory",
                    _ => "a device, socket or pipe",
                };
                let message = format!("use `{}`: it is {what}, not a regular file", self.shown(path));
                Err(Error::new(Kind::NotARegularFile, message).hint("the run is left alone; look at what lies there"))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unreadable("look at", path, error)),
        }
    }

    /// Opens the file that was planned; one that is not the same any more is refused.
    pub fn open_planned(&self, planned: &PlannedFile) -> Result<OpenedFile> {
        let changed = || {
            Error::new(
                Kind::FileChanged,
                format!("read `{}`: it changed since it was planned", self.shown(&planned.path)),
            )
            .hint("is something still writing to it? the next call archives it anew")
        };
        if self.look(&planned.path)?.is_none_or(|identity| identity != planned.identity) {
            return Err(changed());
        }
        let file = self.root.open_with(planned.path.as_path(), &reading());
        let file = file.map_err(|error| self.unreadable("open", &planned.path, error))?;
        let metadata = file.metadata().map_err(|error| self.unreadable("look at", &planned.path, error))?;
        let identity = Identity::of(&metadata);
        if !metadata.is_file() || identity != planned.identity {
            return Err(changed());
        }
        Ok(OpenedFile { file: file.into_std(), identity })
    }

    /// Fails where the file is not the same any more; one that is gone already is fine.
    pub fn check_unchanged(&self, path: &LogPath, identity: &Identity) -> Result<()> {
        match self.look(path)? {
            Some(now) if now != *identity => Err(Error::new(
                Kind::FileChanged,
                format!("delete `{}`: it changed since it was archived", self.shown(path)),
            )
            .hint("nothing is lost; the next call archives it anew")),
            _ => Ok(()),
        }
    }

    /// Removes a file that is still the same; one that is gone already is fine. What a cut of it left aside goes with it.
    ///
    /// Out: what holds the blocks of the file until it is dropped. Giving them back to the file system is the slow part, and
    /// need not be done while others wait for a lock.
    pub fn remove(&self, path: &LogPath, identity: &Identity) -> Result<Option<HeldBlocks>> {
        self.check_unchanged(path, identity)?;
        drop(self.root.remove_file(aside(path).as_path()));
        let held = self.root.open_with(path.as_path(), &reading()).ok();
        self.unlink(path)?;
        Ok(held.map(HeldBlocks))
    }

    /// Makes removals durable in the folders of these files: after it, no power cut brings one back.
    pub fn sync_folders<'a>(&self, paths: impl IntoIterator<Item = &'a LogPath>) -> Result<()> {
        let folders: BTreeSet<&Path> = paths.into_iter().filter_map(|path| path.as_path().parent()).collect();
        for folder in folders {
            let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let synced = self.root.open(shown).and_then(|folder| folder.sync_all());
            // Some network file systems cannot sync a folder, and keep it in step by themselves.
            let is_beside_the_point = |error: &io::Error| {
                matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                )
            };
            match synced {
                Err(error) if !is_beside_the_point(&error) => {
                    let context = format!("sync the folder `{}`", self.path.join(folder).display());
                    return Err(Error::caused(Kind::UnlinkFailed, context, error).hint("is the disk in trouble?"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The folder, to put files into.
    pub fn folder(&self) -> Result<Folder> {
        let context = || format!("open the log directory `{}`", self.path.display());
        // The handle of cap-std only names the folder, and cannot be synced.
        let root = self.root.open(".").map_err(|error| Error::caused(Kind::FileUnreadable, context(), error))?;
        Ok(Folder::at(root.into_std().into(), self.path.clone()))
    }

    /// What the log directory lies on.
    pub fn volume(&self) -> Result<Volume> {
        let context = || format!("look at the log directory `{}`", self.path.display());
        Volume::of(&self.root).map_err(|error| Error::caused(Kind::FileUnreadable, context(), error))
    }

    /// Removes the orchestrator's routing note of a run, which is not archived, where there is one.
    pub fn remove_route(&self, id: &RunId) -> Result<()> {
        let route = LogPath(Path::new("routes").join(format!("{id}.route")).into());
        match self.root.symlink_metadata(route.as_path()) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Ok(_) => self.unlink(&route),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
            Err(error) => Err(self.unreadable("look at", &route, error)),
        }
    }

    fn unlink(&self, path: &LogPath) -> Result<()> {
        let removed = self.root.remove_file(path.as_path());
        fail_point::reached("file-removed");
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let context = format!("delete `{}`", self.shown(path));
                Err(Error::caused(Kind::UnlinkFailed, context, error)
                    .hint("the row stays; may this user write to the log directory?"))
            }
            _ => Ok(()),
        }
    }

    fn unreadable(&self, what: &str, path: &LogPath, error: io::Error) -> Error {
        // cap-std answers a way out of the directory with this.
        if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
            let message = format!("{what} `{}`: the path leads out of the log directory", self.shown(path));
            return Error::new(Kind::OutsideLogsDir, message).hint("the run is left alone; look at what lies there");
        }
        Error::caused(Kind::FileUnreadable, format!("{what} `{}`", self.shown(path)), error)
            .hint("the run is left alone; may this user read it?")
    }

    pub(super) fn shown(&self, path: &LogPath) -> String {
        shortened(&self.path_of(path).to_string_lossy()).escape_debug().to_string()
    }
}

/// For reading; should a pipe be swapped in, opening it does not hang.
fn reading() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::ByteSize;

    const ID: &str = "0123abcd-4567-89ab-cdef-0123456789ab";

    fn logs() -> (tempfile::TempDir, LogsDir) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("logs")).unwrap();
        let path = folder.path().join("logs");
        let maps = [PathMapping { from: "/app/logs".into(), to: path.clone() }];
        let logs = LogsDir::open(&path, &maps).unwrap();
        (folder, logs)
    }

    fn find(logs: &LogsDir, log: &str, metrics: Option<&str>) -> Result<RunFiles> {
        let paths = Paths { log: log.into(), metrics: metrics.map(str::to_owned) };
        let found = logs.find(&ID.parse().unwrap(), &paths, None);
        let listed = logs.find(&ID.parse().unwrap(), &paths, Some(&logs.list().unwrap()));
        assert_eq!(found.as_ref().ok(), listed.as_ref().ok(), "a listing finds the same");
        found
    }

    #[test]
    fn stored_paths_are_translated_and_names_with_colons_are_normal() {
        let (folder, logs) = logs();
        let name = "etl_2026-08-04T12:00:00.123456+00:00.log";
        std::fs::write(folder.path().join("logs").join(name), "x").unwrap();
        let found = find(&logs, &format!("/app/logs/{name}"), None).unwrap();
        assert_eq!(found.files[0].path.as_path(), Path::new(name));
        assert_eq!(found.files[0].identity.size, ByteSize(1));
        let direct = folder.path().join("logs").join(name);
        assert_eq!(find(&logs, direct.to_str().unwrap(), None).unwrap(), found);
    }

    #[test]
    fn every_way_out_is_refused() {
        let (folder, logs) = logs();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        let inside = folder.path().join("logs");
        std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
        std::os::unix::fs::symlink("..", inside.join("up")).unwrap();
        std::fs::create_dir(inside.join("folder")).unwrap();
        let cases = [
            ("/app/logs/../secret", Kind::OutsideLogsDir),
            ("/app/logs/a/../../secret", Kind::OutsideLogsDir),
            ("/etc/passwd", Kind::OutsideLogsDir),
            ("/app/logs", Kind::OutsideLogsDir),
            ("", Kind::OutsideLogsDir),
            ("/app/logs/\0", Kind::OutsideLogsDir),
            ("/app/logs/link", Kind::NotARegularFile),
            ("/app/logs/up/secret", Kind::OutsideLogsDir),
            ("/app/logs/folder", Kind::NotARegularFile),
        ];
        for (path, kind) in cases {
            assert_eq!(find(&logs, path, None).map_err(|error| error.kind), Err(kind), "{path}");
            std::fs::write(inside.join("log"), "x").unwrap();
            if !path.is_empty() {
                assert_eq!(find(&logs, "/app/logs/log", Some(path)).map_err(|error| error.kind), Err(kind), "{path}");
            }
        }
    }

    #[test]
    fn a_missing_log_is_told_from_an_unreadable_one() {
        let (folder, logs) = logs();
        let missing = find(&logs, "/app/logs/gone/log", None).unwrap();
        assert_eq!(missing.missing_log.unwrap().as_path(), Path::new("gone/log"));
        std::fs::write(folder.path().join("logs/file"), "x").unwrap();
        assert_eq!(find(&logs, "/app/logs/file/log", None).unwrap_err().kind, Kind::FileUnreadable);
    }

    #[test]
    fn metrics_of_a_cancelled_run_are_found_by_its_id() {
        let (folder, logs) = logs();
        std::fs::write(folder.path().join(format!("logs/{ID}_metrics.jsonl")), "x").unwrap();
        std::fs::write(folder.path().join("logs/log"), "x").unwrap();
        let names: Vec<_> = find(&logs, "/app/logs/log", None).unwrap().files.iter().map(|file| file.name).collect();
        assert_eq!(names, [FileName::Log, FileName::Metrics]);
    }

    #[test]
    fn a_file_that_changed_is_neither_opened_nor_removed() {
        let (folder, logs) = logs();
        let path = folder.path().join("logs/log");
        std::fs::write(&path, "x").unwrap();
        let planned = find(&logs, "/app/logs/log", None).unwrap().files.remove(0);
        assert!(logs.open_planned(&planned).is_ok());
        std::fs::write(&path, "xy").unwrap();
        assert_eq!(logs.open_planned(&planned).err().unwrap().kind, Kind::FileChanged);
        assert_eq!(logs.remove(&planned.path, &planned.identity).unwrap_err().kind, Kind::FileChanged);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert_eq!(logs.open_planned(&planned).err().unwrap().kind, Kind::NotARegularFile);
        assert_eq!(logs.remove(&planned.path, &planned.identity).unwrap_err().kind, Kind::NotARegularFile);
    }
}
