//! Access, lanes, the WebSocket and HTTP interface and the chat page.
