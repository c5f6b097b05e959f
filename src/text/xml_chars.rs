//! Characters that may stand in an XML 1.0 document (section 2.2, production Char).
