//! The API describes itself: `/openapi.json`, and a page to read it at `/docs`.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};

use crate::Api;
use crate::postgrest;

/// What is true of all routes.
pub(crate) fn head() -> OpenApi {
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Pullcord")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("Syncing on demand. Every error is a problem document (application/problem+json), and under /rest/v1 one of PostgREST; the code says which."))
                .build(),
        )
        .components(Some(ComponentsBuilder::new().security_scheme("bearer", bearer).build()))
        .security(Some([SecurityRequirement::new("bearer", Vec::<String>::new())]))
        .build()
}

/// Serves the description and the page.
pub(crate) fn routes(description: &OpenApi) -> Router<Api> {
    let description = with_problems(serde_json::to_value(description).unwrap_or_default());
    let page = page(&description);
    let json = description.to_string();
    Router::new()
        .route("/openapi.json", get(move || async move { ([(header::CONTENT_TYPE, "application/json")], json.clone()) }))
        .route("/docs", get(move || async move { document(&page) }))
}

fn document(page: &str) -> impl IntoResponse + use<> {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, page.to_owned())
}

/// Every route may answer with a problem; saying so at each handler would say
/// nothing.
fn with_problems(mut description: Value) -> Value {
    let problem = json!({"description": "a problem", "content": {"application/problem+json": {"schema": {
        "type": "object", "required": ["type", "title", "status", "code", "message", "request_id"],
        "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
            "code": {"type": "string"}, "message": {"type": "string"}, "request_id": {"type": "string"}}}}}});
    let text = || json!({"type": "string"});
    let in_postgrest = json!({"description": "an error, as PostgREST tells it", "content": {"application/json": {"schema": {
        "type": "object", "required": ["code", "message", "details", "hint"],
        "properties": {"code": text(), "message": text(), "details": text(), "hint": {"type": "null"}}}}}});
    for (path, operations) in description.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten() {
        let told = if postgrest::is_spoken_at(path) { &in_postgrest } else { &problem };
        for operation in operations.as_object_mut().into_iter().flat_map(|operations| operations.values_mut()) {
            if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
                responses.insert("default".into(), told.clone());
            }
        }
    }
    description
}

/// A page without script: every route with what it takes and gives.
fn page(description: &Value) -> String {
    let mut body = String::new();
    for (path, operations) in description["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let summary = operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
            let answers: Vec<&str> = operation["responses"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(code, _)| code.as_str())
                .filter(|code| *code != "default")
                .collect();
            let fields = fields(description, &operation["requestBody"]["content"]["application/json"]["schema"]);
            let parameters: Vec<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|one| one["in"] == "query")
                .filter_map(|one| one["name"].as_str())
                .collect();
            let mut takes = String::new();
            if !parameters.is_empty() {
                takes += &format!("<p>query: <code>{}</code></p>", escape(&parameters.join(", ")));
            }
            if !fields.is_empty() {
                takes += &format!("<p>body: <code>{}</code></p>", escape(&fields.join(", ")));
            }
            body += &format!(
                "<section><h2><b class=\"{method}\">{}</b> <code>{}</code></h2><p>{}</p>{takes}<p>answers: {}</p></section>",
                method.to_uppercase(),
                escape(path),
                escape(summary),
                answers.join(", ")
            );
        }
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Pullcord API</title>\
         <style>:root{{color-scheme:light dark;font:16px/1.5 system-ui}}body{{max-width:56rem;margin:2rem auto;padding:0 1rem}}\
         section{{border-top:1px solid #8884;padding:.5rem 0}}h2{{font-size:1rem;margin:.5rem 0}}p{{margin:.25rem 0}}\
         code{{overflow-wrap:anywhere}}b{{display:inline-block;min-width:4.5rem}}</style>\
         <h1>Pullcord API</h1><p>The same as data: <a href=\"/openapi.json\">openapi.json</a>. Every call needs a bearer token unless it says otherwise; \
         every error is a problem document, and under <code>/rest/v1</code> one of PostgREST.</p>{body}</html>"
    )
}

fn fields<'a>(description: &'a Value, schema: &'a Value) -> Vec<&'a str> {
    let target = match schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        Some(name) => &description["components"]["schemas"][name],
        None => schema,
    };
    target["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
