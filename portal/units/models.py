"""The survey register: one row per surveyed property."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Computed, Float, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, timestamp, updated_at
from portal.units.searchtext import SEARCH_VECTOR

DOMESTIC, COMMERCIAL = USES = ("DOMESTIC", "COMMERCIAL")
SIZE_BANDS = ("M0_5", "M5_10", "M10_20", "M20_40", "M40_PLUS", "SMALL", "MEDIUM", "LARGE")
USE_CHECK = "\"use\" IN ('DOMESTIC','COMMERCIAL')"
SIZE_CHECK = "size_band IN ('M0_5','M5_10','M10_20','M20_40','M40_PLUS','SMALL','MEDIUM','LARGE')"
UC_TYPE_CHECK = "uc_type IN ('URBAN','RURAL')"


class SurveyUnit(Base):
    """A surveyed property. The key is the portal's `survey_id`.

    Values that cannot be read are kept as the file had them (`*_text`) and leave the clean column NULL:
    `mobile` is 11 digits `03xxxxxxxxx`, `cnic` 13 digits, `gps_lat`/`gps_lon` lie inside Punjab.
    """

    __tablename__ = "survey_units"
    __table_args__ = (
        CheckConstraint("survey_id ~ '^[0-9]{1,18}$'", name="survey_id"),
        CheckConstraint(USE_CHECK, name="use"),
        CheckConstraint(SIZE_CHECK, name="size_band"),
        CheckConstraint(UC_TYPE_CHECK, name="uc_type"),
        CheckConstraint(
            "(gps_lat IS NULL) = (gps_lon IS NULL) AND gps_lat BETWEEN 27.7 AND 34.1 AND gps_lon BETWEEN 69.2 AND 75.5",
            name="gps_in_punjab",
        ),
        Index("ix_survey_units_location_id_id", "location_id", "id"),
        Index("ix_survey_units_mobile", "mobile", postgresql_where=text("mobile IS NOT NULL")),
        Index("ix_survey_units_cnic", "cnic", postgresql_where=text("cnic IS NOT NULL")),
        Index("ix_survey_units_search", "search", postgresql_using="gin"),
    )

    id: Mapped[bigint_pk]
    survey_id: Mapped[str] = mapped_column(unique=True)
    consumer_name: Mapped[str | None]
    mobile: Mapped[str | None]
    mobile_text: Mapped[str | None]
    cnic: Mapped[str | None]
    cnic_text: Mapped[str | None]
    address: Mapped[str | None]
    email: Mapped[str | None]
    place_id: Mapped[int] = mapped_column(ForeignKey("places.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    uc_type: Mapped[str | None]
    use: Mapped[str | None]
    business_type: Mapped[str | None]
    size_band: Mapped[str | None]
    size_text: Mapped[str | None]
    house_type: Mapped[str | None]
    water_connection: Mapped[str | None]
    gps_text: Mapped[str | None]
    gps_lat: Mapped[float | None] = mapped_column(Float(53))
    gps_lon: Mapped[float | None] = mapped_column(Float(53))
    image_urls: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'"))
    surveyor_name: Mapped[str | None]
    surveyed_at: Mapped[timestamp | None]
    extra_text: Mapped[str | None]
    as_of: Mapped[timestamp]
    # Columns that a person has set: files leave them alone, until the hold is released (see portal.registers).
    kept_by_hand: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'"))
    deleted_at: Mapped[timestamp | None]
    deleted_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    delete_reason: Mapped[str] = mapped_column(server_default="")
    # Counts the edits by people: a form made of an older one is refused.
    version: Mapped[int] = mapped_column(server_default=text("1"))
    first_batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batches.id"))
    last_batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batches.id"))
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]
    search: Mapped[str | None] = mapped_column(
        TSVECTOR,
        Computed(SEARCH_VECTOR, persisted=True),
        deferred=True,
    )
