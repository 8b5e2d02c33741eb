"""The rows of services."""

import pytest

from budwood.contracts import ModelDetailProvider
from budwood.engine import media_services, services
from budwood.engine.pipeline.service import Service

SERVICES = [row for module in (services, media_services) for row in vars(module).values() if isinstance(row, Service)]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_methods_of_a_service_are_those_of_its_protocols(service):
    """
    The rows have names of methods, which the Protocols must have.
    """
    methods = [
        (service.protocol, service.encode),
        (service.protocol, service.decode),
        (service.stream_protocol or service.protocol, service.decoder),
        (service.local_protocol, service.local),
    ]

    assert [name for protocol, name in methods if name and not callable(getattr(protocol, name, None))] == []


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
