"""The table of services."""

import pytest

from budwood.contracts import ModelDetailProvider
from budwood.engine.services import SERVICES


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_methods_of_a_service_are_those_of_its_protocol(service):
    """
    The table names methods as text: each must be one that providers of the service have.
    """
    methods = [name for name in (service.encode, service.decode, service.decoder) if name]

    assert [name for name in methods if not callable(getattr(service.protocol, name, None))] == []
    assert service.decode or service.decoder


def test_each_service_has_a_name_of_its_own():
    """
    Observers tell services apart by their names.
    """
    assert len({service.name for service in SERVICES}) == len(SERVICES)


def test_details_of_models_are_a_protocol_of_their_own():
    """
    The row that is made from another keeps none of its methods.
    """
    (detail,) = (service for service in SERVICES if service.protocol is ModelDetailProvider)

    assert (detail.encode, detail.decode) == ("encode_model", "decode_model")
