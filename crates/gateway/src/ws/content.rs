//! A message's content: its text, and the images that came with it.

use super::frame::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearth_core::message::Content;
use serde_json::Value;

/// Longest accepted message, in bytes.
const MAX_TEXT_BYTES: usize = 512 * 1024;

/// Images with one message.
const MAX_IMAGES: usize = 8;

/// Largest image, in bytes of base64.
const MAX_IMAGE_BYTES: usize = 6 * 1024 * 1024;

/// Makes a message's blocks of its text and its attached images.
pub(super) fn read(text: &str, attachments: &[Value]) -> Result<Vec<Content>, Failure> {
    let mut content = Vec::new();
    if text.len() > MAX_TEXT_BYTES {
        return Err(Failure::invalid(format!("message is longer than {MAX_TEXT_BYTES} bytes")));
    }
    if !text.trim().is_empty() {
        content.push(Content::text(text));
    }
    if attachments.len() > MAX_IMAGES {
        return Err(Failure::invalid(format!("more than {MAX_IMAGES} attachments")));
    }
    for attachment in attachments {
        content.push(image(attachment)?);
    }
    Ok(content)
}

fn image(attachment: &Value) -> Result<Content, Failure> {
    let field = |name: &str| attachment.get(name).and_then(Value::as_str);
    let name = field("fileName").unwrap_or("attachment");
    let mime_type = field("mimeType").unwrap_or_default();
    if !matches!(mime_type, "image/png" | "image/jpeg" | "image/gif" | "image/webp") {
        return Err(Failure::invalid(format!("{name}: only PNG, JPEG, GIF and WebP images can be attached")));
    }
    let data = field("content").unwrap_or_default();
    if data.len() > MAX_IMAGE_BYTES {
        return Err(Failure::invalid(format!("{name}: larger than {MAX_IMAGE_BYTES} bytes")));
    }
    if data.is_empty() || STANDARD.decode(data).is_err() {
        return Err(Failure::invalid(format!("{name}: the content is not base64")));
    }
    Ok(Content::Image { data: data.to_owned(), mime_type: mime_type.to_owned() })
}
