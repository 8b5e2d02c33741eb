"""Providers whose services besides chat are broken."""

import json
import uuid
from dataclasses import replace

from budwood_openai_compatible import OpenAICompatible
from tests.plugins.testing.mutants.provider.changing import failing, noted, saying
from tests.plugins.testing.mutants.provider.sound import Sound


class TestVectorsAtTheWrongTexts(Sound):
    caught_by = ("test_texts_are_embedded_in_their_order",)

    class Mutant(OpenAICompatible):
        def decode_embedding(self, request, reply):
            response = super().decode_embedding(request, reply)
            return response.model_copy(update={"vectors": response.vectors[::-1]})


class TestFewerVectorsWillDo(Sound):
    caught_by = ("test_missing_vectors_are_an_error",)

    class Mutant(OpenAICompatible):
        def decode_embedding(self, request, reply):
            rows = json.loads(reply.body)["data"]
            fewer = request.model_copy(update={"texts": request.texts[: len(rows)]})
            return super().decode_embedding(fewer, reply)


class TestModelsOfOtherNames(Sound):
    caught_by = ("test_models_are_listed",)

    class Mutant(OpenAICompatible):
        def decode_models(self, reply):
            return tuple(
                model.model_copy(update={"id": model.id.removeprefix("model-")})
                for model in super().decode_models(reply)
            )


class TestCountsByItself(Sound):
    caught_by = ("test_tokens_are_counted",)

    class Mutant(OpenAICompatible):
        def decode_token_count(self, request, reply):
            return len(request.messages[0].text) // 4


class TestFlagsNothing(Sound):
    caught_by = ("test_contents_are_judged_in_their_order",)

    class Mutant(OpenAICompatible):
        def decode_moderation(self, request, reply):
            response = super().decode_moderation(request, reply)
            verdicts = tuple(verdict.model_copy(update={"flagged": False}) for verdict in response.verdicts)
            return response.model_copy(update={"verdicts": verdicts})


class TestCompletesTrimmed(Sound):
    caught_by = ("test_text_is_completed",)

    class Mutant(OpenAICompatible):
        def decode_completion(self, request, reply):
            response = super().decode_completion(request, reply)
            return response.model_copy(update={"message": saying(response.text.strip())})


class TestServicesByChance(Sound):
    caught_by = ("test_services_are_written_alike",)

    class Mutant(OpenAICompatible):
        def encode_models(self):
            return replace(super().encode_models(), url=f"https://acme.example/v1/models?{uuid.uuid4()}")


class TestServicesFailSilently(Sound):
    caught_by = ("test_refusal_of_a_service_is_the_same_error",)
    Mutant = failing(lambda error, _: noted(error, message="Something went wrong."))
