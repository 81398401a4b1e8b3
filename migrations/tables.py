"""Every module with tables, imported so that the metadata is whole."""

from __future__ import annotations

import app.checks.models
import app.completeness.models
import app.corrections.drafts
import app.corrections.models
import app.corrections.queue_models
import app.custody.models
import app.custody.stock_models
import app.dossiers.models
import app.events
import app.governance.models
import app.idempotency
import app.imports.models
import app.keyring
import app.materials.models
import app.people.models
import app.receivers.models
import app.retrieval.models
import app.statistics.models
import app.transfers.batch_models
import app.transfers.counting_models
import app.transfers.electronic_models
import app.transfers.models
import app.transfers.tracking_models
import auth.machine_models
import auth.models
import auth.staff_models
import notifications.breaker
import notifications.campaigns.models
import notifications.channel_models
import notifications.models
import notifications.partner_models
import notifications.replays.models
import notifications.webhook_models

ALL_MODELS = (
    app.completeness.models,
    app.checks.models,
    app.corrections.drafts,
    app.corrections.models,
    app.custody.models,
    app.custody.stock_models,
    app.corrections.queue_models,
    app.dossiers.models,
    app.events,
    app.idempotency,
    app.imports.models,
    app.keyring,
    app.materials.models,
    app.people.models,
    app.receivers.models,
    app.retrieval.models,
    app.transfers.batch_models,
    app.transfers.counting_models,
    app.transfers.electronic_models,
    app.transfers.models,
    app.transfers.tracking_models,
    app.statistics.models,
    app.governance.models,
    auth.machine_models,
    auth.models,
    auth.staff_models,
    notifications.channel_models,
    notifications.campaigns.models,
    notifications.breaker,
    notifications.models,
    notifications.partner_models,
    notifications.replays.models,
    notifications.webhook_models,
)
