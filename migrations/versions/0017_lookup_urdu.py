"""Urdu names for the words that forms offer, where nobody has given one; and texts without what nobody can see.

Imports and forms take out marks of direction and zero-width blanks from now on (see `portal.text`). What stood in the
registers before is made the same here: else the next file, unchanged, would seem to change every such row.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

URDU = {
    "BUSINESS_TYPE": {
        "Shops": "دکانیں", "General stores (kiryana)": "کریانہ سٹور", "Bakeries": "بیکریاں", "Banks": "بینک",
        "Barber shops": "حجام کی دکانیں", "Beauty parlours": "بیوٹی پارلر", "Book shops": "کتابوں کی دکانیں",
        "Cloth shops": "کپڑے کی دکانیں", "Clinics": "کلینک", "Coaching centres": "کوچنگ سنٹر",
        "Cold stores": "کولڈ سٹور", "Colleges": "کالج", "Dairy shops": "دودھ دہی کی دکانیں",
        "Dry cleaners": "ڈرائی کلینر", "Electric shops": "بجلی کے سامان کی دکانیں", "Factories": "کارخانے",
        "Flour mills": "آٹا چکیاں", "Furniture shops": "فرنیچر کی دکانیں", "Godowns": "گودام",
        "Government offices": "سرکاری دفاتر", "Gyms": "جم", "Hardware shops": "ہارڈویئر کی دکانیں",
        "Hospitals": "ہسپتال", "Hostels": "ہاسٹل", "Hotels": "ہوٹل", "Internet cafes": "انٹرنیٹ کیفے",
        "Jewellers": "زیورات کی دکانیں", "Laboratories": "لیبارٹریاں", "Marriage halls": "شادی ہال",
        "Meat shops": "گوشت کی دکانیں", "Medical stores": "میڈیکل سٹور", "Mobile shops": "موبائل کی دکانیں",
        "Offices": "دفاتر", "Paint shops": "رنگ روغن کی دکانیں", "Petrol pumps": "پٹرول پمپ",
        "Poultry shops": "مرغی کی دکانیں", "Printing presses": "چھاپہ خانے", "Private schools": "نجی سکول",
        "Property dealers": "پراپرٹی ڈیلر", "Restaurants": "ریسٹورنٹ", "Rice mills": "چاول ملیں",
        "Service stations": "سروس سٹیشن", "Shoe shops": "جوتوں کی دکانیں", "Shopping plazas": "شاپنگ پلازے",
        "Stalls": "سٹال", "Tailors": "درزی", "Tandoors": "تندور", "Tea stalls": "چائے کے سٹال",
        "Timber yards": "لکڑی کے ٹال", "Transport stands": "گاڑیوں کے اڈے", "Tyre shops": "ٹائروں کی دکانیں",
        "Universities": "یونیورسٹیاں", "Vegetable shops": "سبزی کی دکانیں", "Wholesale markets": "تھوک منڈیاں",
        "Workshops": "ورکشاپ", "Other": "دیگر",
    },
    "HOUSE_TYPE": {
        "Single Storey": "ایک منزلہ", "Double Storey": "دو منزلہ", "Three Storey": "تین منزلہ", "Flat": "فلیٹ",
        "Portion": "پورشن", "Kacha House": "کچا مکان", "Bungalow": "بنگلہ", "Empty Plot": "خالی پلاٹ",
    },
    "WATER_CONNECTION": {"Yes": "ہاں", "No": "نہیں", "Own Bore": "اپنا بور"},
    "CHANNEL": {
        "1Bill": "ون بل", "BOP OTC": "بینک آف پنجاب کاؤنٹر", "OTC/Cash": "کاؤنٹر/نقد", "JazzCash": "جاز کیش",
        "Easypaisa": "ایزی پیسہ", "NayaPay": "نیا پے", "SadaPay": "سادہ پے", "UPaisa": "یو پیسہ",
        "KuickPay": "کوئیک پے", "PayPro": "پے پرو", "e-Pay Punjab": "ای پے پنجاب", "1Link": "ون لنک", "Raast": "راست",
        "ATM": "اے ٹی ایم", "Mobile Banking": "موبائل بینکنگ", "Internet Banking": "انٹرنیٹ بینکنگ",
        "Bank Transfer": "بینک ٹرانسفر", "HBL OTC": "ایچ بی ایل کاؤنٹر", "NBP OTC": "این بی پی کاؤنٹر",
        "UBL OTC": "یو بی ایل کاؤنٹر", "MCB OTC": "ایم سی بی کاؤنٹر", "ABL OTC": "اے بی ایل کاؤنٹر",
        "Unknown": "نامعلوم",
    },
}  # fmt: skip
# As `portal.text` has them.
HIDDEN = (
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff"
    "\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Texts of files; keys and channels are made of letters and digits only and hold none.
TEXTS = {
    "survey_units": (
        "consumer_name", "mobile_text", "cnic_text", "address", "email", "business_type", "size_text", "house_type",
        "water_connection", "gps_text", "surveyor_name", "extra_text",
    ),
    "accounts": (
        "consumer_name", "mobile_text", "cnic_text", "address", "wmc", "office", "size_text", "portal_balance",
        "portal_current_bill",
    ),
}  # fmt: skip


def upgrade() -> None:
    connection = op.get_bind()
    connection.execute(
        sa.text(
            "UPDATE lookups SET name_ur = :urdu WHERE kind = :kind AND lower(name) = lower(:name) AND name_ur IS NULL"
        ),
        [
            {"kind": kind, "name": name, "urdu": urdu}
            for kind, words in URDU.items()
            for name, urdu in words.items()
        ],
    )  # fmt: skip
    for table, columns in TEXTS.items():
        cleaned = ", ".join(f"{one} = nullif(trim(regexp_replace({one}, :hidden, '', 'g')), '')" for one in columns)
        found = " OR ".join(f"{one} ~ :hidden" for one in columns)
        connection.execute(sa.text(f"UPDATE {table} SET {cleaned} WHERE {found}"), {"hidden": HIDDEN})


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")
