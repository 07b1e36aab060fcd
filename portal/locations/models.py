"""The location tree, its closure, and the spellings under which files name its places."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import Base, bigint_pk, created_at, int_pk, timestamp, updated_at

PROVINCE, DIVISION, DISTRICT, TEHSIL, UNION_COUNCIL, MOHALLA = KINDS = (
    "PROVINCE",
    "DIVISION",
    "DISTRICT",
    "TEHSIL",
    "UNION_COUNCIL",
    "MOHALLA",
)
URBAN, RURAL = UC_TYPES = ("URBAN", "RURAL")


class Location(Base):
    """A node of the tree: province > division > district > tehsil > union council or ward > mohalla.

    A union council and a municipal committee ward are both of kind UNION_COUNCIL; `uc_type` tells them apart.
    `match_key` is the name folded for matching (see `portal.locations.names.match_key`).
    """

    __tablename__ = "locations"
    __table_args__ = (
        CheckConstraint("kind IN ('PROVINCE','DIVISION','DISTRICT','TEHSIL','UNION_COUNCIL','MOHALLA')", name="kind"),
        CheckConstraint("uc_type IN ('URBAN','RURAL')", name="uc_type"),
        CheckConstraint("(parent_id IS NULL) = (kind = 'PROVINCE')", name="root_is_province"),
        Index(
            "uq_locations_kind_portal_id",
            "kind",
            "portal_id",
            unique=True,
            postgresql_where=text("portal_id IS NOT NULL"),
        ),
        Index("ix_locations_parent_id_match_key", "parent_id", "match_key"),
    )

    id: Mapped[int_pk]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    kind: Mapped[str]
    name: Mapped[str]
    name_ur: Mapped[str | None]
    uc_type: Mapped[str | None]
    portal_id: Mapped[str | None]
    match_key: Mapped[str]
    as_of: Mapped[timestamp | None]
    # What a person has set (name, uc_type, parent_id): area lists leave it alone.
    kept_by_hand: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'"))
    # A location that was merged into another, or given up; nothing hangs on it any more.
    deleted_at: Mapped[timestamp | None]
    delete_reason: Mapped[str] = mapped_column(server_default="")
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    # Counts the edits by people: a form made of an older one is refused.
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]

    parent: Mapped[Location | None] = relationship(remote_side="Location.id", foreign_keys="Location.parent_id")


class LocationClosure(Base):
    """Every (ancestor, descendant) pair of the tree, each node its own ancestor at depth 0.

    Kept by a database trigger on `locations`, so it is right whoever changes the tree.
    """

    __tablename__ = "location_closure"
    __table_args__ = (Index("ix_location_closure_location_id", "location_id"),)

    ancestor_id: Mapped[int] = mapped_column(ForeignKey("locations.id", ondelete="CASCADE"), primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id", ondelete="CASCADE"), primary_key=True)
    depth: Mapped[int]


ALIAS, RENAMED, MOVED, MERGED, FILE = NAME_SOURCES = ("ALIAS", "RENAMED", "MOVED", "MERGED", "FILE")


class LocationName(Base):
    """One more name under which files may mean a location, below `parent_id`, which need not be its parent now.

    Written by a person (ALIAS), or kept when he renamed, moved or merged it, or when an area list calls it otherwise
    (FILE): files go on using the names they know. A location that really bears the name comes first.
    """

    __tablename__ = "location_names"
    __table_args__ = (
        UniqueConstraint("location_id", "parent_id", "match_key", name="uq_location_names_key"),
        CheckConstraint("source IN ('ALIAS','RENAMED','MOVED','MERGED','FILE')", name="source"),
        Index("ix_location_names_parent_id_match_key", "parent_id", "match_key"),
    )

    id: Mapped[int_pk]
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    parent_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    name: Mapped[str]
    match_key: Mapped[str]
    source: Mapped[str]
    created_at: Mapped[created_at]


class Place(Base):
    """A place as some file spells it, and the location it stands for.

    Rows of the registers keep their `place_id`, so that they follow when an administrator links the place.
    Keys are folded names ('' where the file has none). A place of the short paid list has only a city, kept in
    the tehsil. `state`: MATCHED by name, LINKED by a person, OPEN (waits to be matched; its rows hang on
    `location_id`, the deepest known ancestor), NONE (the file names no union council).
    """

    __tablename__ = "places"
    __table_args__ = (
        UniqueConstraint("division_key", "district_key", "tehsil_key", "name_key", "uc_type", name="uq_places_key"),
        CheckConstraint("state IN ('MATCHED','LINKED','OPEN','NONE')", name="state"),
        CheckConstraint("uc_type IN ('','URBAN','RURAL')", name="uc_type"),
        Index("ix_places_open", "id", postgresql_where=text("state = 'OPEN'")),
        Index(
            "ix_places_open_named",
            "district_key",
            "tehsil_key",
            "name_key",
            "id",
            postgresql_where=text("state = 'OPEN'"),
        ),
    )

    id: Mapped[bigint_pk]
    division_key: Mapped[str] = mapped_column(server_default="")
    district_key: Mapped[str] = mapped_column(server_default="")
    tehsil_key: Mapped[str] = mapped_column(server_default="")
    name_key: Mapped[str] = mapped_column(server_default="")
    uc_type: Mapped[str] = mapped_column(server_default="")
    division: Mapped[str] = mapped_column(server_default="")
    district: Mapped[str] = mapped_column(server_default="")
    tehsil: Mapped[str] = mapped_column(server_default="")
    name: Mapped[str] = mapped_column(server_default="")
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"), index=True)
    state: Mapped[str]
    ambiguous: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]


class DataVersion(Base):
    """Append-only counts of commits by location; the sum over a subtree is the version of its data.

    Every trigger that posts a rollup delta also posts here (`location_id` NULL: concerns everybody, as a change
    of the tree does). The sum grows with every commit that becomes visible, so a cached figure is never older
    than the last commit. Rows are folded in the background without changing any sum.
    """

    __tablename__ = "data_versions"
    __table_args__ = (Index("ix_data_versions_location_id", "location_id", postgresql_include=["changes"]),)

    id: Mapped[bigint_pk]
    location_id: Mapped[int | None] = mapped_column(Integer)
    changes: Mapped[int] = mapped_column(BigInteger)
