"""Ask each of the given models once, and print the outcomes as JSON."""

import json
import sys

import budwood
from budwood.errors import BudwoodError

outcomes = {}
with budwood.Client(retries=0) as client:
    for address in sys.argv[1:]:
        try:
            reply = client.ask("hi", model=address, max_tokens=2, seed=1)
            outcomes[address] = ["ok", reply.usage.output_tokens]
        except BudwoodError as error:
            outcomes[address] = [type(error).__name__, str(error)]
    outcomes["models"] = [model.model_dump(mode="json") for model in client.models("transformers")]
    outcomes["tools"] = "tools" in client.capabilities("transformers/acme/tiny")
json.dump(outcomes, sys.stdout)
