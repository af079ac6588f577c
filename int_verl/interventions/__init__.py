"""The model's verdict on its own attempt as an intervention, and the attempt continued from it."""

from int_verl.interventions.intervention import Intervention, InterventionParseError, guided_prefix
from int_verl.interventions.parse import parse_intervention

__all__ = ["Intervention", "InterventionParseError", "guided_prefix", "parse_intervention"]
