"""The table of services."""

import pytest

from budwood.contracts import ModelDetailProvider
from budwood.engine.services import SERVICES


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_methods_of_a_service_are_those_of_its_protocol(service):
    """
    The table has names of methods, which the Protocol must have.
    """
    methods = [name for name in (service.encode, service.decode, service.decoder) if name]

    assert [name for name in methods if not callable(getattr(service.protocol, name, None))] == []
    assert service.decode or service.decoder


def test_each_service_has_its_own_name():
    """
    Observers distinguish services by name.
    """
    assert len({service.name for service in SERVICES}) == len(SERVICES)


def test_details_of_models_have_their_own_protocol():
    """
    The row is derived from another, but has none of its methods.
    """
    (detail,) = (service for service in SERVICES if service.protocol is ModelDetailProvider)

    assert (detail.encode, detail.decode) == ("encode_model", "decode_model")
