//! Clones that are kept, so that the next run fetches what is new alone. They are no more
//! than that: whoever finds none fetches it all.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::index::git::Trouble;

/// Keeps others from a clone for as long as it is held.
pub(super) fn lock(folder: &Path) -> Result<File, Trouble> {
    let broken = |why: std::io::Error| Trouble::Broken(format!("the folder for clones cannot be used: {why}"));
    let parent = folder.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).map_err(broken)?;
    let lock = File::create(folder.with_extension("lock")).map_err(broken)?;
    lock.try_lock().map_err(|why| match why {
        TryLockError::WouldBlock => Trouble::Busy,
        TryLockError::Error(why) => broken(why),
    })?;
    Ok(lock)
}

/// Whether a folder is one of ours: whoever says where clones are kept may keep other things there.
fn is_clone(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.with_extension("lock").is_file()
}

/// Removes the clones that were not used for longest, if all together fill too much.
pub(super) fn make_room(kept_in: &Path, most: u64, needed: &Path) {
    let size = |folder: &Path| -> u64 {
        let files = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
        files.filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file).map(|file| file.len()).sum()
    };
    let Ok(folders) = std::fs::read_dir(kept_in) else { return };
    let folders = folders.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| is_clone(path));
    // A clone's lock is opened whenever it is used.
    let used = |folder: &PathBuf| std::fs::metadata(folder.with_extension("lock")).and_then(|lock| lock.modified()).ok();
    let mut clones: Vec<_> = folders.map(|folder| (used(&folder), size(&folder), folder)).collect();
    clones.sort();
    let mut sum: u64 = clones.iter().map(|(_, size, _)| size).sum();
    for (_, size, folder) in clones.into_iter().filter(|(_, _, folder)| folder != needed) {
        if sum <= most {
            break;
        }
        if lock(&folder).is_ok_and(|_lock| std::fs::remove_dir_all(&folder).is_ok()) {
            sum -= size;
        }
    }
}
