//! The workspace's text files: templates, layers, diary.
