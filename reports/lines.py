"""The lines of an event file."""

from saveproof.reports.records import Footer, Header, Result, Witness
from saveproof.reports.strata import Exported, Strata

Line = Header | Witness | Exported | Result | Strata | Footer
