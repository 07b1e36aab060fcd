"""Words that demo people, streets, shops and places are made of. Every person and place is invented."""

from __future__ import annotations

FIRST_NAMES = (
    "Adnan", "Aftab", "Ahmad", "Akbar", "Amina", "Arif", "Asghar", "Asma", "Bashir", "Bilal", "Danish", "Fareed",
    "Farzana", "Fida", "Ghulam", "Habib", "Hameeda", "Hassan", "Imran", "Irfan", "Jameel", "Javed", "Kalsoom", "Karim",
    "Khalid", "Latif", "Mahmood", "Maryam", "Mazhar", "Mushtaq", "Nadeem", "Naseem", "Nazir", "Noor", "Parveen",
    "Qasim", "Rafiq", "Rashida", "Riaz", "Sadiq", "Saima", "Sajid", "Salma", "Shabbir", "Shahid", "Shamim", "Tahir",
    "Tariq", "Waqar", "Yasmin", "Yousaf", "Zafar", "Zahida", "Zubair",
)  # fmt: skip
LAST_NAMES = (
    "Ali", "Awan", "Baig", "Bhatti", "Bibi", "Butt", "Chaudhry", "Dar", "Gill", "Hussain", "Iqbal", "Jutt", "Khan",
    "Khokhar", "Malik", "Mehmood", "Mirza", "Mughal", "Noon", "Qureshi", "Rana", "Rehman", "Sahi", "Shah", "Sheikh",
    "Sial", "Tiwana", "Virk", "Warraich", "Zaman",
)  # fmt: skip
# Letters outside ASCII that an old cp1252 file can still hold.
LATIN_ODDITIES = ("’s Café", " – Block ‘B’", " (Éclair)")
URDU_FIRST_NAMES = (
    "احمد", "اکبر", "امینہ", "بشیر", "بلال", "جاوید", "حبیب", "خالد", "راشدہ", "رفیق", "زاہدہ", "ساجد", "سلمیٰ",
    "شاہد", "طارق", "عارف", "غلام", "فرزانہ", "کریم", "مریم", "ندیم", "نسیم", "یاسمین", "یوسف",
)  # fmt: skip
URDU_LAST_NAMES = (
    "علی", "اعوان", "بٹ", "بی بی", "بھٹی", "چوہدری", "حسین", "خان", "راجہ", "رانا", "شاہ", "شیخ", "قریشی", "ملک",
    "مرزا", "مغل",
)  # fmt: skip
MOHALLAS = (
    "Mohalla Noorpura", "Mohalla Islampura", "Gulshan Street", "Canal Bank Road", "Old Bazaar", "Model Colony",
    "Railway Road", "Mohalla Eidgah", "Circular Road", "Garden Town", "Grain Market", "College Road",
)  # fmt: skip
URDU_MOHALLAS = ("محلہ نور پورہ", "محلہ اسلام پورہ", "گلشن سٹریٹ", "پرانا بازار", "نہر والی سڑک", "محلہ عیدگاہ")
BUSINESS_TYPES = (
    "Shops", "General stores (kiryana)", "Barber shops", "Bakeries", "Tailors", "Medical stores", "Private schools",
    "Hotels", "Restaurants", "Petrol pumps", "Workshops", "Cloth shops", "Shoe shops", "Mobile shops", "Banks",
    "Marriage halls", "Clinics", "Meat shops", "Vegetable shops", "Furniture shops", "Flour mills", "Offices",
)  # fmt: skip
HOUSE_TYPES = ("Single Storey", "Double Storey", "Flat", "Kacha House", "Bungalow")
WATER_CONNECTIONS = ("Yes", "No", "Own Bore", "")
SURVEYORS = ("surveyor.01", "surveyor.02", "surveyor.03", "surveyor.04", "surveyor.05", "surveyor.06", "surveyor.07")
MOBILE_WORDS = ("not given", "no phone", "refused", "نہیں ہے", "0000", "123")
CNIC_JUNK = ("not available", "00000", "1234", "99901-XXXXXXX-1", "-")

WARD_NAMES = (
    "Civil Lines", "Model Town", "Garden Town", "Canal View", "Grain Market", "Old Bazaar", "Railway Road", "Eidgah",
    "Clocktower", "College Road", "Farid Colony", "Gulberg", "Iqbal Park", "Jinnah Chowk", "Kareem Block", "Lal Kothi",
    "Mall Road", "New Mandi", "Officers Colony", "People's Colony", "Qila", "Rehmat Park", "Satellite Town",
    "Tanki Wala", "Usman Block", "Water Works", "Zafar Chowk", "Block 4 5", "Block 9", "Green Fort", "Circular Road",
    "Shahi Darwaza", "Sabzi Mandi", "Stadium", "Tehsil Bazaar", "Waheed Park",
)  # fmt: skip
VILLAGE_NAMES = (
    "Chak Noor", "Dera Gulab", "Chak 63 NB", "Kot Sultan", "Riverside", "Thatti Jameel", "Chak 12 NB", "Kot Fareed",
    "Jhok Mehr", "Basti Kamal", "Chak 118 NB", "Dhok Sial", "Miani Kalan", "Miani Khurd", "Pindi Rawan", "Rakh Bagh",
    "Sahiwala", "Tibba Shah", "Chak 7 NB", "Kot Amin", "Nullah Par", "Hassan Wala", "Chak 40 NB", "Dera Lal",
    "Bela Noor", "Kalar Wali", "Mouza Ganj", "Noor Pur", "Chak 55 NB", "Gharib Abad", "Kot Hakim", "Wan Kaila",
)  # fmt: skip
