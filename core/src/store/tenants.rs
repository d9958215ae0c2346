//! Workspaces, people, tokens, projects and sources.

use serde::de::DeserializeOwned;

use super::Store;
use super::conditions::{self, Range, Write};
use super::items::{self, Listing, decode, encode, encode_gate};
use super::keys::{self, Key};
use super::table::{Commit, Query};
use crate::error::Fault;
use crate::model::{Gate, Member, Owner, Project, ProjectId, Role, Source, SourceId, Token, UserId, Workspace, WorkspaceId};

impl Store {
    async fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Fault> {
        self.table.get(key).await?.map(decode).transpose()
    }

    async fn read_all<T: DeserializeOwned>(&self, hash: String, begins_with: &str) -> Result<Vec<T>, Fault> {
        let rows = self.table.query(Query::partition(hash, Range::BeginsWith(begins_with.to_owned()))).await?;
        rows.into_iter().map(decode).collect()
    }

    async fn write(&self, writes: Vec<Write>) -> Result<bool, Fault> {
        Ok(matches!(self.table.commit(writes).await?, Commit::Done))
    }

    /// What the table says a user may do, in all workspaces: one query.
    pub async fn memberships(&self, user: &UserId) -> Result<Vec<(WorkspaceId, Role)>, Fault> {
        let members: Vec<Member> = self.read_all(keys::user_partition(user), "M#").await?;
        Ok(members.into_iter().map(|member| (member.workspace, member.role)).collect())
    }

    pub async fn members(&self, workspace: &WorkspaceId) -> Result<Vec<Member>, Fault> {
        self.read_all(keys::workspace_partition(workspace), "M#").await
    }

    pub async fn member(&self, workspace: &WorkspaceId, user: &UserId) -> Result<Option<Member>, Fault> {
        self.read(&keys::member(workspace, user)).await
    }

    /// The two rows of a membership, which are written together or not at all.
    pub fn member_writes(member: &Member) -> Result<Vec<Write>, Fault> {
        let there = encode("member", &keys::member(&member.workspace, &member.user), member)?;
        let here = encode("membership", &keys::membership(&member.user, &member.workspace), member)?;
        Ok(vec![conditions::put("member", there), conditions::put("membership", here)])
    }

    pub async fn put_member(&self, member: &Member, audit: Write) -> Result<(), Fault> {
        let mut writes = Self::member_writes(member)?;
        writes.push(audit);
        self.write(writes).await.map(drop)
    }

    /// Whether there was such a member. The API tokens they made go with them.
    pub async fn delete_member(&self, workspace: &WorkspaceId, user: &UserId, audit: Write) -> Result<bool, Fault> {
        let there = conditions::delete_existing("member", keys::member(workspace, user));
        let here = conditions::delete("membership", keys::membership(user, workspace));
        let mut writes = vec![there, here, audit];
        for token in self.tokens(workspace).await?.into_iter().filter(|token| token.created_by == *user) {
            writes.push(conditions::delete("token", keys::token(&token.hash)));
            writes.push(conditions::delete("listing", keys::token_listing(workspace, &token.id)));
        }
        // More than a transaction takes: the tokens first, the membership last.
        while writes.len() > super::table::MOST_WRITES {
            let some = writes.split_off(writes.len() - 50);
            self.write(some).await?;
        }
        self.write(writes).await
    }

    pub async fn workspace(&self, id: &WorkspaceId) -> Result<Option<Workspace>, Fault> {
        self.read(&keys::workspace(id)).await
    }

    pub async fn workspaces(&self, ids: &[WorkspaceId]) -> Result<Vec<Workspace>, Fault> {
        let keys: Vec<Key> = ids.iter().map(keys::workspace).collect();
        self.table.get_many(&keys).await?.into_iter().map(decode).collect()
    }

    /// Every workspace of the deployment, for its operators.
    pub async fn all_workspaces(&self) -> Result<Vec<Workspace>, Fault> {
        let deployment = keys::workspace_partition(&WorkspaceId::deployment());
        let listed: Vec<Listing> = self.read_all(deployment, "L#").await?;
        self.workspaces(&listed.into_iter().map(|listing| WorkspaceId::known(listing.id)).collect::<Vec<_>>()).await
    }

    /// Whether the slug was free.
    pub async fn create_workspace(&self, workspace: &Workspace, admin: Option<&Member>, audit: Write) -> Result<bool, Fault> {
        let row = encode("workspace", &keys::workspace(&workspace.slug), workspace)?;
        let listing_key = keys::workspace_listing(&workspace.slug);
        let listing = encode("workspace_listing", &listing_key, &Listing { id: workspace.slug.to_string() })?;
        let mut writes = vec![conditions::put_new("workspace", row), conditions::put("listing", listing), audit];
        if let Some(admin) = admin {
            writes.extend(Self::member_writes(admin)?);
        }
        self.write(writes).await
    }

    /// Whether the workspace was still as it was read.
    pub async fn change_workspace(&self, workspace: &Workspace, seen: u64, audit: Write) -> Result<bool, Fault> {
        let row = encode("workspace", &keys::workspace(&workspace.slug), workspace)?;
        self.write(vec![conditions::put_over("workspace", row, seen), audit]).await
    }

    pub async fn token(&self, hash: &str) -> Result<Option<Token>, Fault> {
        self.read(&keys::token(hash)).await
    }

    pub async fn tokens(&self, workspace: &WorkspaceId) -> Result<Vec<Token>, Fault> {
        self.read_all(keys::workspace_partition(workspace), "T#").await
    }

    pub async fn put_token(&self, token: &Token, audit: Write) -> Result<(), Fault> {
        let row = encode("token", &keys::token(&token.hash), token)?;
        let listing = encode("token_listing", &keys::token_listing(&token.workspace, &token.id), token)?;
        self.write(vec![conditions::put_new("token", row), conditions::put("listing", listing), audit]).await.map(drop)
    }

    /// Whether there was such a token. From then on it is none.
    pub async fn delete_token(&self, workspace: &WorkspaceId, id: &str, audit: Write) -> Result<bool, Fault> {
        let listing = keys::token_listing(workspace, id);
        let Some(token) = self.read::<Token>(&listing).await? else { return Ok(false) };
        let gone = conditions::delete_existing("token", keys::token(&token.hash));
        self.write(vec![gone, conditions::delete("listing", listing), audit]).await
    }

    pub async fn project(&self, id: &ProjectId) -> Result<Option<Project>, Fault> {
        self.read(&keys::project(id)).await
    }

    pub async fn projects(&self, workspace: &WorkspaceId) -> Result<Vec<Project>, Fault> {
        self.read_all(keys::workspace_partition(workspace), "P#").await
    }

    /// Writes a new project, and its documents source if it has one. What was
    /// taken already, if anything.
    pub async fn create_project(&self, project: &Project, documents: Option<&Source>, audit: Write) -> Result<Option<&'static str>, Fault> {
        let row = encode("project", &keys::project(&project.id), project)?;
        let listing = encode("project_listing", &keys::project_listing(&project.workspace, &project.id), project)?;
        let mut writes = vec![conditions::put_new("project", row), conditions::put("listing", listing), audit];
        if let Some(source) = documents {
            writes.extend(Self::source_writes(source)?);
        }
        self.taken(writes).await
    }

    /// Writes a new source, with the project it is seen through: a new one, or one
    /// that had no documents. What was taken already, if anything.
    pub async fn create_source(
        &self,
        source: &Source,
        project: Option<(&Project, bool)>,
        audit: Write,
    ) -> Result<Option<&'static str>, Fault> {
        let mut writes = Self::source_writes(source)?;
        writes.push(audit);
        if let Some((project, is_new)) = project {
            let row = encode("project", &keys::project(&project.id), project)?;
            writes.push(if is_new { conditions::put_new("project", row) } else { conditions::put("project", row) });
            let listing = keys::project_listing(&project.workspace, &project.id);
            writes.push(conditions::put("listing", encode("project_listing", &listing, project)?));
        }
        self.taken(writes).await
    }

    async fn taken(&self, writes: Vec<Write>) -> Result<Option<&'static str>, Fault> {
        Ok(match self.table.commit(writes).await? {
            Commit::Done => None,
            Commit::Lost(lost) => Some(lost.what),
        })
    }

    fn source_writes(source: &Source) -> Result<Vec<Write>, Fault> {
        let row = encode("source", &keys::source(&source.id), source)?;
        let gate = Gate { settings_version: source.settings_version, version: 1, ..Gate::default() };
        let gate = encode_gate(&Owner::Source(source.id.clone()), &gate)?;
        let listing_key = keys::source_listing(&source.workspace, &source.id);
        let listing = encode("source_listing", &listing_key, &Listing { id: source.id.to_string() })?;
        let mut writes = vec![conditions::put_new("source", row), conditions::put("gate", gate), conditions::put("listing", listing)];
        if source.health.is_some() {
            writes.push(Self::health_write(&crate::manage::unknown(source, source.created_at), 0)?);
        }
        if let Some(kind) = &source.integration_type {
            let key = keys::integration(&source.workspace, kind);
            let first = encode("integration", &key, &Listing { id: source.id.to_string() })?;
            writes.push(conditions::put_new("integration", first));
        }
        Ok(writes)
    }

    /// The source that is a workspace's integration of that type.
    pub async fn integration(&self, workspace: &WorkspaceId, kind: &str) -> Result<Option<SourceId>, Fault> {
        let found: Option<Listing> = self.read(&keys::integration(workspace, kind)).await?;
        Ok(found.map(|listing| SourceId::known(listing.id)))
    }

    /// The sources that are a workspace's integrations.
    pub async fn integrations(&self, workspace: &WorkspaceId) -> Result<Vec<SourceId>, Fault> {
        let found: Vec<Listing> = self.read_all(keys::workspace_partition(workspace), "I#").await?;
        Ok(found.into_iter().map(|listing| SourceId::known(listing.id)).collect())
    }

    pub async fn source(&self, id: &SourceId) -> Result<Option<Source>, Fault> {
        self.read(&keys::source(id)).await
    }

    /// Writes a changed source. Its gate is given when the change lifts the
    /// cooldown. Whether both were still as they were read.
    pub async fn change_source(&self, source: &Source, seen: u64, gate: Option<(&Gate, u64)>, with: Vec<Write>) -> Result<bool, Fault> {
        let mut writes = vec![Self::source_write(source, seen)?];
        if let Some((gate, gate_seen)) = gate {
            let row = encode_gate(&Owner::Source(source.id.clone()), gate)?;
            writes.push(conditions::put_over("gate", row, gate_seen));
        }
        writes.extend(with);
        self.write(writes).await
    }

    /// The write of a source over the one that was read.
    pub fn source_write(source: &Source, seen: u64) -> Result<Write, Fault> {
        Ok(conditions::put_over("source", encode("source", &keys::source(&source.id), source)?, seen))
    }

    /// The ids of a workspace's sources.
    pub async fn source_ids(&self, workspace: &WorkspaceId) -> Result<Vec<SourceId>, Fault> {
        let listed: Vec<Listing> = self.read_all(keys::workspace_partition(workspace), "S#").await?;
        Ok(listed.into_iter().map(|listing| SourceId::known(listing.id)).collect())
    }

    /// Sources and their gates, in the order of `ids`; those that are gone are
    /// left out.
    pub async fn sources(&self, ids: &[SourceId]) -> Result<Vec<(Source, Gate)>, Fault> {
        let wanted: Vec<Key> = ids.iter().flat_map(|id| [keys::source(id), keys::gate(&Owner::Source(id.clone()))]).collect();
        let mut rows: std::collections::HashMap<(String, String), items::Row> = std::collections::HashMap::new();
        for row in self.table.get_many(&wanted).await? {
            let key = items::key_of(&row);
            rows.insert((key.pk, key.sk), row);
        }
        let mut take = |key: Key| rows.remove(&(key.pk, key.sk));
        let mut found = Vec::new();
        for id in ids {
            let gate = take(keys::gate(&Owner::Source(id.clone()))).map(decode::<Gate>).transpose()?.unwrap_or_default();
            if let Some(source) = take(keys::source(id)).map(decode::<Source>).transpose()? {
                found.push((source, gate));
            }
        }
        Ok(found)
    }
}
