"""The field and the office: assignments, corrections, visits, tickets, files, notifications, edits by hand."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('holidays',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('name_ur', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_holidays'))
    )
    op.create_table('lookups',
    sa.Column('id', sa.Integer(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('name_ur', sa.String(), nullable=True),
    sa.Column('position', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('is_active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("kind IN ('BUSINESS_TYPE','HOUSE_TYPE','WATER_CONNECTION','CHANNEL')", name=op.f('ck_lookups_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lookups'))
    )
    op.create_index('uq_lookups_kind_name', 'lookups', ['kind', sa.literal_column('lower(name)')], unique=True)
    op.create_table('ticket_categories',
    sa.Column('id', sa.Integer(), sa.Identity(always=False), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('name_ur', sa.String(), nullable=True),
    sa.Column('effect', sa.String(), server_default='NONE', nullable=False),
    sa.Column('assigned_role', sa.String(), server_default='SUPERVISOR', nullable=False),
    sa.Column('is_public', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('is_active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('position', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("assigned_role IN ('AGENT','SUPERVISOR','ADMIN','MANAGER','HEAD')", name=op.f('ck_ticket_categories_assigned_role')),
    sa.CheckConstraint("effect IN ('NONE','DATA','BILLING')", name=op.f('ck_ticket_categories_effect')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ticket_categories'))
    )
    op.create_index('uq_ticket_categories_code', 'ticket_categories', ['code'], unique=True)
    op.create_index('uq_ticket_categories_name', 'ticket_categories', [sa.literal_column('lower(name)')], unique=True)
    op.create_table('notification_preferences',
    sa.Column('staff_id', sa.Integer(), nullable=False),
    sa.Column('type', sa.String(), nullable=False),
    sa.Column('in_app', sa.Boolean(), nullable=False),
    sa.Column('mail', sa.String(), nullable=False),
    sa.CheckConstraint("mail IN ('NOW','DAILY','NONE')", name=op.f('ck_notification_preferences_mail')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_notification_preferences_staff_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('staff_id', 'type', name=op.f('pk_notification_preferences'))
    )
    op.create_table('notifications',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=False),
    sa.Column('type', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('message', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('url', sa.String(), server_default='', nullable=False),
    sa.Column('entity', sa.String(), server_default='', nullable=False),
    sa.Column('entity_id', sa.String(), server_default='', nullable=False),
    sa.Column('event_key', sa.String(), nullable=False),
    sa.Column('shown', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('mail', sa.String(), server_default='NONE', nullable=False),
    sa.Column('mailed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('info','success','warning','error')", name=op.f('ck_notifications_kind')),
    sa.CheckConstraint("mail IN ('NOW','DAILY','NONE')", name=op.f('ck_notifications_mail')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_notifications_staff_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notifications'))
    )
    op.create_index('ix_notifications_digest', 'notifications', ['staff_id', 'id'], unique=False, postgresql_where=sa.text("mail = 'DAILY' AND mailed_at IS NULL"))
    op.create_index('ix_notifications_staff_id_id', 'notifications', ['staff_id', 'id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_notifications_unread', 'notifications', ['staff_id', 'id'], unique=False, postgresql_where=sa.text('shown AND read_at IS NULL AND deleted_at IS NULL'))
    op.create_index('uq_notifications_staff_id_event_key', 'notifications', ['staff_id', 'event_key'], unique=True)
    op.create_table('ticket_deadlines',
    sa.Column('category_id', sa.Integer(), nullable=False),
    sa.Column('priority', sa.String(), nullable=False),
    sa.Column('hours', sa.Integer(), nullable=False),
    sa.CheckConstraint("priority IN ('LOW','MEDIUM','HIGH','URGENT')", name=op.f('ck_ticket_deadlines_priority')),
    sa.CheckConstraint('hours BETWEEN 1 AND 2000', name=op.f('ck_ticket_deadlines_hours')),
    sa.ForeignKeyConstraint(['category_id'], ['ticket_categories.id'], name=op.f('fk_ticket_deadlines_category_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('category_id', 'priority', name=op.f('pk_ticket_deadlines'))
    )
    op.create_table('assignments',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.BigInteger(), nullable=True),
    sa.Column('area_id', sa.Integer(), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('note', sa.String(), server_default='', nullable=False),
    sa.Column('created_by', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('ended_by', sa.Integer(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('num_nonnulls(unit_id, area_id) = 1', name=op.f('ck_assignments_unit_or_area')),
    sa.CheckConstraint('valid_to IS NULL OR valid_to >= valid_from', name=op.f('ck_assignments_from_to')),
    sa.ForeignKeyConstraint(['area_id'], ['locations.id'], name=op.f('fk_assignments_area_id')),
    sa.ForeignKeyConstraint(['created_by'], ['staff.id'], name=op.f('fk_assignments_created_by')),
    sa.ForeignKeyConstraint(['ended_by'], ['staff.id'], name=op.f('fk_assignments_ended_by')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_assignments_staff_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['survey_units.id'], name=op.f('fk_assignments_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assignments'))
    )
    op.create_index('ix_assignments_area_id', 'assignments', ['area_id'], unique=False, postgresql_where=sa.text('area_id IS NOT NULL'))
    op.create_index('ix_assignments_staff_id_valid_from', 'assignments', ['staff_id', 'valid_from'], unique=False)
    op.create_index('ix_assignments_unit_id', 'assignments', ['unit_id'], unique=False, postgresql_where=sa.text('unit_id IS NOT NULL'))
    op.create_table('corrections',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('client_uuid', sa.Uuid(), nullable=False),
    sa.Column('unit_id', sa.BigInteger(), nullable=False),
    sa.Column('location_id', sa.Integer(), nullable=False),
    sa.Column('fields', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False),
    sa.Column('note', sa.String(), server_default='', nullable=False),
    sa.Column('state', sa.String(), server_default='PENDING', nullable=False),
    sa.Column('proposed_by', sa.Integer(), nullable=False),
    sa.Column('proposed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('device_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by', sa.Integer(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decision_note', sa.String(), server_default='', nullable=False),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("(state = 'PENDING') = (decided_at IS NULL)", name=op.f('ck_corrections_decided')),
    sa.CheckConstraint("state IN ('PENDING','APPROVED','REJECTED','WITHDRAWN')", name=op.f('ck_corrections_state')),
    sa.ForeignKeyConstraint(['decided_by'], ['staff.id'], name=op.f('fk_corrections_decided_by')),
    sa.ForeignKeyConstraint(['location_id'], ['locations.id'], name=op.f('fk_corrections_location_id')),
    sa.ForeignKeyConstraint(['proposed_by'], ['staff.id'], name=op.f('fk_corrections_proposed_by')),
    sa.ForeignKeyConstraint(['unit_id'], ['survey_units.id'], name=op.f('fk_corrections_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_corrections')),
    sa.UniqueConstraint('client_uuid', name=op.f('uq_corrections_client_uuid'))
    )
    op.create_index('ix_corrections_location_id_id', 'corrections', ['location_id', 'id'], unique=False, postgresql_where=sa.text("state = 'PENDING'"))
    op.create_index('ix_corrections_proposed_by_id', 'corrections', ['proposed_by', 'id'], unique=False)
    op.create_index('ix_corrections_unit_id', 'corrections', ['unit_id'], unique=False)
    op.create_table('compliance_visits',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('client_uuid', sa.Uuid(), nullable=False),
    sa.Column('unit_id', sa.BigInteger(), nullable=False),
    sa.Column('account_id', sa.BigInteger(), nullable=True),
    sa.Column('location_id', sa.Integer(), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('ticket_id', sa.BigInteger(), nullable=True),
    sa.Column('visit_type', sa.String(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('notes', sa.String(), server_default='', nullable=False),
    sa.Column('bill_month', sa.Date(), nullable=True),
    sa.Column('portal_bill_id', sa.String(), nullable=True),
    sa.Column('received_by', sa.String(), server_default='', nullable=False),
    sa.Column('visited_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('device_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('gps_lat', sa.Float(precision=53), nullable=True),
    sa.Column('gps_lon', sa.Float(precision=53), nullable=True),
    sa.Column('gps_accuracy_m', sa.Integer(), nullable=True),
    sa.Column('gps_is_mock', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('distance_m', sa.Integer(), nullable=True),
    sa.Column('next_date', sa.Date(), nullable=True),
    sa.Column('promise_date', sa.Date(), nullable=True),
    sa.Column('promise_amount', sa.Integer(), nullable=True),
    sa.Column('review_state', sa.String(), server_default='PENDING', nullable=False),
    sa.Column('reviewed_by', sa.Integer(), nullable=True),
    sa.Column('reviewed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('review_note', sa.String(), server_default='', nullable=False),
    sa.Column('source', sa.String(), server_default='STAFF', nullable=False),
    sa.Column('legacy_id', sa.String(), nullable=True),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("bill_month IS NULL OR bill_month = date_trunc('month', bill_month::timestamp)::date", name=op.f('ck_compliance_visits_first_of_month')),
    sa.CheckConstraint("outcome IN ('DONE','DELIVERED','DELIVERED_TO_NEIGHBOUR','REFUSED','LOCKED','VACANT','NOT_FOUND','PROMISED','PAID_ON_SPOT','DISPUTED','OTHER')", name=op.f('ck_compliance_visits_outcome')),
    sa.CheckConstraint("review_state IN ('PENDING','APPROVED','RETURNED')", name=op.f('ck_compliance_visits_review_state')),
    sa.CheckConstraint("source IN ('STAFF','OLD_SYSTEM')", name=op.f('ck_compliance_visits_source')),
    sa.CheckConstraint("visit_type <> 'DELIVERY' OR (account_id IS NOT NULL AND bill_month IS NOT NULL)", name=op.f('ck_compliance_visits_bill')),
    sa.CheckConstraint("visit_type IN ('ROUTINE','COMPLAINT','FOLLOWUP','DELIVERY','RECOVERY','SURVEY')", name=op.f('ck_compliance_visits_visit_type')),
    sa.CheckConstraint('(gps_lat IS NULL) = (gps_lon IS NULL)', name=op.f('ck_compliance_visits_gps_pair')),
    sa.CheckConstraint('promise_amount >= 0', name=op.f('ck_compliance_visits_promise_amount')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_compliance_visits_account_id')),
    sa.ForeignKeyConstraint(['location_id'], ['locations.id'], name=op.f('fk_compliance_visits_location_id')),
    sa.ForeignKeyConstraint(['reviewed_by'], ['staff.id'], name=op.f('fk_compliance_visits_reviewed_by')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_compliance_visits_staff_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['survey_units.id'], name=op.f('fk_compliance_visits_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_compliance_visits')),
    sa.UniqueConstraint('client_uuid', name=op.f('uq_compliance_visits_client_uuid'))
    )
    op.create_index('ix_compliance_visits_account_id_bill_month', 'compliance_visits', ['account_id', 'bill_month'], unique=False)
    op.create_index('ix_compliance_visits_location_id_visited_at', 'compliance_visits', ['location_id', 'visited_at'], unique=False)
    op.create_index('ix_compliance_visits_staff_id_visited_at', 'compliance_visits', ['staff_id', 'visited_at'], unique=False)
    op.create_index(op.f('ix_compliance_visits_ticket_id'), 'compliance_visits', ['ticket_id'], unique=False)
    op.create_index('ix_compliance_visits_to_review', 'compliance_visits', ['location_id', 'id'], unique=False, postgresql_where=sa.text("review_state = 'PENDING'"))
    op.create_index('ix_compliance_visits_unit_id_visited_at', 'compliance_visits', ['unit_id', 'visited_at'], unique=False)
    op.create_index('uq_compliance_visits_legacy_id', 'compliance_visits', ['legacy_id'], unique=True, postgresql_where=sa.text('legacy_id IS NOT NULL'))
    op.create_table('record_changes',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('unit_id', sa.BigInteger(), nullable=True),
    sa.Column('account_id', sa.BigInteger(), nullable=True),
    sa.Column('changed_location_id', sa.Integer(), nullable=True),
    sa.Column('field', sa.String(), nullable=False),
    sa.Column('old', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('new', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), server_default='', nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('actor', sa.String(), nullable=False),
    sa.Column('correction_id', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("source IN ('EDIT','CORRECTION','TICKET','CUTOVER')", name=op.f('ck_record_changes_source')),
    sa.CheckConstraint('num_nonnulls(unit_id, account_id, changed_location_id) = 1', name=op.f('ck_record_changes_one_record')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_record_changes_account_id')),
    sa.ForeignKeyConstraint(['changed_location_id'], ['locations.id'], name=op.f('fk_record_changes_changed_location_id')),
    sa.ForeignKeyConstraint(['correction_id'], ['corrections.id'], name=op.f('fk_record_changes_correction_id')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_record_changes_staff_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['survey_units.id'], name=op.f('fk_record_changes_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_record_changes'))
    )
    op.create_index('ix_record_changes_account_id_at', 'record_changes', ['account_id', 'at'], unique=False, postgresql_where=sa.text('account_id IS NOT NULL'))
    op.create_index('ix_record_changes_changed_location_id_at', 'record_changes', ['changed_location_id', 'at'], unique=False, postgresql_where=sa.text('changed_location_id IS NOT NULL'))
    op.create_index('ix_record_changes_unit_id_at', 'record_changes', ['unit_id', 'at'], unique=False, postgresql_where=sa.text('unit_id IS NOT NULL'))
    op.create_table('tickets',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('client_uuid', sa.Uuid(), nullable=False),
    sa.Column('category_id', sa.Integer(), nullable=False),
    sa.Column('priority', sa.String(), server_default='MEDIUM', nullable=False),
    sa.Column('status', sa.String(), server_default='OPEN', nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('description', sa.String(), server_default='', nullable=False),
    sa.Column('location_id', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.BigInteger(), nullable=True),
    sa.Column('account_id', sa.BigInteger(), nullable=True),
    sa.Column('bill_month', sa.Date(), nullable=True),
    sa.Column('payment_id', sa.BigInteger(), nullable=True),
    sa.Column('visit_id', sa.BigInteger(), nullable=True),
    sa.Column('correction_id', sa.BigInteger(), nullable=True),
    sa.Column('source', sa.String(), server_default='STAFF', nullable=False),
    sa.Column('reported_by', sa.Integer(), nullable=True),
    sa.Column('reporter_name', sa.String(), server_default='', nullable=False),
    sa.Column('reporter_mobile', sa.String(), server_default='', nullable=False),
    sa.Column('public_code_hash', sa.String(), nullable=True),
    sa.Column('assigned_to', sa.Integer(), nullable=True),
    sa.Column('assigned_role', sa.String(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('escalation', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('disputed_amount', sa.Integer(), nullable=True),
    sa.Column('decision', sa.String(), nullable=True),
    sa.Column('decision_amount', sa.Integer(), nullable=True),
    sa.Column('decision_note', sa.String(), server_default='', nullable=False),
    sa.Column('decided_by', sa.Integer(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('resolution', sa.String(), server_default='', nullable=False),
    sa.Column('resolved_by', sa.Integer(), nullable=True),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reopened', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('merged_into_id', sa.BigInteger(), nullable=True),
    sa.Column('legacy_id', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
    sa.CheckConstraint("(status = 'MERGED') = (merged_into_id IS NOT NULL)", name=op.f('ck_tickets_merged')),
    sa.CheckConstraint("assigned_role IN ('AGENT','SUPERVISOR','ADMIN','MANAGER','HEAD')", name=op.f('ck_tickets_assigned_role')),
    sa.CheckConstraint("decision IN ('PENDING','APPROVED','REJECTED')", name=op.f('ck_tickets_decision')),
    sa.CheckConstraint("priority IN ('LOW','MEDIUM','HIGH','URGENT')", name=op.f('ck_tickets_priority')),
    sa.CheckConstraint("source IN ('STAFF','PUBLIC','SYSTEM','OLD_SYSTEM')", name=op.f('ck_tickets_source')),
    sa.CheckConstraint("status IN ('OPEN','IN_PROGRESS','WAITING','RESOLVED','CLOSED','MERGED')", name=op.f('ck_tickets_status')),
    sa.CheckConstraint('decision_amount >= 0 AND disputed_amount >= 0', name=op.f('ck_tickets_never_negative')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_tickets_account_id')),
    sa.ForeignKeyConstraint(['assigned_to'], ['staff.id'], name=op.f('fk_tickets_assigned_to')),
    sa.ForeignKeyConstraint(['category_id'], ['ticket_categories.id'], name=op.f('fk_tickets_category_id')),
    sa.ForeignKeyConstraint(['correction_id'], ['corrections.id'], name=op.f('fk_tickets_correction_id')),
    sa.ForeignKeyConstraint(['decided_by'], ['staff.id'], name=op.f('fk_tickets_decided_by')),
    sa.ForeignKeyConstraint(['location_id'], ['locations.id'], name=op.f('fk_tickets_location_id')),
    sa.ForeignKeyConstraint(['merged_into_id'], ['tickets.id'], name=op.f('fk_tickets_merged_into_id')),
    sa.ForeignKeyConstraint(['payment_id'], ['payments.id'], name=op.f('fk_tickets_payment_id')),
    sa.ForeignKeyConstraint(['reported_by'], ['staff.id'], name=op.f('fk_tickets_reported_by')),
    sa.ForeignKeyConstraint(['resolved_by'], ['staff.id'], name=op.f('fk_tickets_resolved_by')),
    sa.ForeignKeyConstraint(['unit_id'], ['survey_units.id'], name=op.f('fk_tickets_unit_id')),
    sa.ForeignKeyConstraint(['visit_id'], ['compliance_visits.id'], name=op.f('fk_tickets_visit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tickets')),
    sa.UniqueConstraint('client_uuid', name=op.f('uq_tickets_client_uuid'))
    )
    op.create_index('ix_tickets_account_id', 'tickets', ['account_id'], unique=False)
    op.create_index('ix_tickets_assigned_to_status', 'tickets', ['assigned_to', 'status'], unique=False)
    op.create_index('ix_tickets_due_at', 'tickets', ['due_at'], unique=False, postgresql_where=sa.text("status IN ('OPEN','IN_PROGRESS') AND due_at IS NOT NULL"))
    op.create_index('ix_tickets_location_id_status_id', 'tickets', ['location_id', 'status', 'id'], unique=False)
    op.create_index('ix_tickets_reported_by_id', 'tickets', ['reported_by', 'id'], unique=False)
    op.create_index('ix_tickets_unit_id', 'tickets', ['unit_id'], unique=False)
    op.create_index('uq_tickets_legacy_id', 'tickets', ['legacy_id'], unique=True, postgresql_where=sa.text('legacy_id IS NOT NULL'))
    op.create_index('uq_tickets_number', 'tickets', ['number'], unique=True)
    op.create_table('ticket_comments',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('client_uuid', sa.Uuid(), nullable=False),
    sa.Column('ticket_id', sa.BigInteger(), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('mentions', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_ticket_comments_staff_id')),
    sa.ForeignKeyConstraint(['ticket_id'], ['tickets.id'], name=op.f('fk_ticket_comments_ticket_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ticket_comments')),
    sa.UniqueConstraint('client_uuid', name=op.f('uq_ticket_comments_client_uuid'))
    )
    op.create_index('ix_ticket_comments_ticket_id_id', 'ticket_comments', ['ticket_id', 'id'], unique=False)
    op.create_table('ticket_events',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('ticket_id', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('event', sa.String(), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('actor', sa.String(), nullable=False),
    sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_ticket_events_staff_id')),
    sa.ForeignKeyConstraint(['ticket_id'], ['tickets.id'], name=op.f('fk_ticket_events_ticket_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ticket_events'))
    )
    op.create_index('ix_ticket_events_ticket_id_id', 'ticket_events', ['ticket_id', 'id'], unique=False)
    op.create_table('stored_files',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('client_uuid', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('thumb_key', sa.String(), nullable=True),
    sa.Column('file_name', sa.String(), server_default='', nullable=False),
    sa.Column('title', sa.String(), server_default='', nullable=False),
    sa.Column('media_type', sa.String(), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.String(), nullable=False),
    sa.Column('width', sa.Integer(), nullable=True),
    sa.Column('height', sa.Integer(), nullable=True),
    sa.Column('location_id', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.BigInteger(), nullable=True),
    sa.Column('account_id', sa.BigInteger(), nullable=True),
    sa.Column('visit_id', sa.BigInteger(), nullable=True),
    sa.Column('ticket_id', sa.BigInteger(), nullable=True),
    sa.Column('comment_id', sa.BigInteger(), nullable=True),
    sa.Column('correction_id', sa.BigInteger(), nullable=True),
    sa.Column('uploaded_by', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deleted_by', sa.Integer(), nullable=True),
    sa.Column('delete_reason', sa.String(), server_default='', nullable=False),
    sa.CheckConstraint("kind IN ('PHOTO','DOCUMENT')", name=op.f('ck_stored_files_kind')),
    sa.CheckConstraint('bytes > 0', name=op.f('ck_stored_files_not_empty')),
    sa.CheckConstraint('num_nonnulls(unit_id, account_id, visit_id, ticket_id, comment_id, correction_id) = 1', name=op.f('ck_stored_files_one_owner')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_stored_files_account_id')),
    sa.ForeignKeyConstraint(['comment_id'], ['ticket_comments.id'], name=op.f('fk_stored_files_comment_id')),
    sa.ForeignKeyConstraint(['correction_id'], ['corrections.id'], name=op.f('fk_stored_files_correction_id')),
    sa.ForeignKeyConstraint(['deleted_by'], ['staff.id'], name=op.f('fk_stored_files_deleted_by')),
    sa.ForeignKeyConstraint(['location_id'], ['locations.id'], name=op.f('fk_stored_files_location_id')),
    sa.ForeignKeyConstraint(['ticket_id'], ['tickets.id'], name=op.f('fk_stored_files_ticket_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['survey_units.id'], name=op.f('fk_stored_files_unit_id')),
    sa.ForeignKeyConstraint(['uploaded_by'], ['staff.id'], name=op.f('fk_stored_files_uploaded_by')),
    sa.ForeignKeyConstraint(['visit_id'], ['compliance_visits.id'], name=op.f('fk_stored_files_visit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stored_files')),
    sa.UniqueConstraint('client_uuid', name=op.f('uq_stored_files_client_uuid'))
    )
    op.create_index('ix_stored_files_account_id', 'stored_files', ['account_id'], unique=False, postgresql_where=sa.text('account_id IS NOT NULL'))
    op.create_index('ix_stored_files_comment_id', 'stored_files', ['comment_id'], unique=False, postgresql_where=sa.text('comment_id IS NOT NULL'))
    op.create_index('ix_stored_files_correction_id', 'stored_files', ['correction_id'], unique=False, postgresql_where=sa.text('correction_id IS NOT NULL'))
    op.create_index('ix_stored_files_location_id_id', 'stored_files', ['location_id', 'id'], unique=False)
    op.create_index('ix_stored_files_ticket_id', 'stored_files', ['ticket_id'], unique=False, postgresql_where=sa.text('ticket_id IS NOT NULL'))
    op.create_index('ix_stored_files_unit_id', 'stored_files', ['unit_id'], unique=False, postgresql_where=sa.text('unit_id IS NOT NULL'))
    op.create_index('ix_stored_files_visit_id', 'stored_files', ['visit_id'], unique=False, postgresql_where=sa.text('visit_id IS NOT NULL'))
    op.create_index('uq_stored_files_key', 'stored_files', ['key'], unique=True)
    op.create_foreign_key(op.f('fk_compliance_visits_ticket_id'), 'compliance_visits', 'tickets', ['ticket_id'], ['id'])
    op.add_column('accounts', sa.Column('kept_by_hand', postgresql.ARRAY(sa.TEXT()), server_default=sa.text("'{}'"), nullable=False))
    op.add_column('accounts', sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('accounts', sa.Column('deleted_by', sa.Integer(), nullable=True))
    op.add_column('accounts', sa.Column('delete_reason', sa.String(), server_default='', nullable=False))
    op.add_column('accounts', sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False))
    op.create_foreign_key(op.f('fk_accounts_deleted_by'), 'accounts', 'staff', ['deleted_by'], ['id'])
    op.add_column('locations', sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('locations', sa.Column('delete_reason', sa.String(), server_default='', nullable=False))
    op.add_column('locations', sa.Column('merged_into_id', sa.Integer(), nullable=True))
    op.add_column('locations', sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False))
    op.create_foreign_key(op.f('fk_locations_merged_into_id'), 'locations', 'locations', ['merged_into_id'], ['id'])
    op.add_column('survey_units', sa.Column('kept_by_hand', postgresql.ARRAY(sa.TEXT()), server_default=sa.text("'{}'"), nullable=False))
    op.add_column('survey_units', sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('survey_units', sa.Column('deleted_by', sa.Integer(), nullable=True))
    op.add_column('survey_units', sa.Column('delete_reason', sa.String(), server_default='', nullable=False))
    op.add_column('survey_units', sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False))
    op.create_foreign_key(op.f('fk_survey_units_deleted_by'), 'survey_units', 'staff', ['deleted_by'], ['id'])


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")
