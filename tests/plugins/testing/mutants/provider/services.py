"""Providers with defects in services other than chat."""

import json
import uuid
from dataclasses import replace

from budwood_openai_compatible import OpenAICompatible
from tests.plugins.testing.mutants.provider.correct import Correct
from tests.plugins.testing.mutants.provider.modifications import change_errors, create_answer, set_attributes


class TestReversesVectors(Correct):
    caught_by = ("test_embeddings_are_in_input_order",)

    class Mutant(OpenAICompatible):
        def decode_embedding(self, request, reply):
            response = super().decode_embedding(request, reply)
            return response.model_copy(update={"vectors": response.vectors[::-1]})


class TestAcceptsMissingVectors(Correct):
    caught_by = ("test_missing_embeddings_are_an_error",)

    class Mutant(OpenAICompatible):
        def decode_embedding(self, request, reply):
            rows = json.loads(reply.body)["data"]
            fewer = request.model_copy(update={"texts": request.texts[: len(rows)]})
            return super().decode_embedding(fewer, reply)


class TestChangesModelNames(Correct):
    caught_by = ("test_models_are_listed",)

    class Mutant(OpenAICompatible):
        def decode_models(self, reply):
            return tuple(
                model.model_copy(update={"id": model.id.removeprefix("model-")})
                for model in super().decode_models(reply)
            )


class TestEstimatesTokenCount(Correct):
    caught_by = ("test_tokens_are_counted",)

    class Mutant(OpenAICompatible):
        def decode_token_count(self, request, reply):
            return len(request.messages[0].text) // 4


class TestOmitsFlags(Correct):
    caught_by = ("test_moderation_results_are_in_input_order",)

    class Mutant(OpenAICompatible):
        def decode_moderation(self, request, reply):
            response = super().decode_moderation(request, reply)
            results = tuple(result.model_copy(update={"flagged": False}) for result in response.results)
            return response.model_copy(update={"results": results})


class TestStripsCompletions(Correct):
    caught_by = ("test_text_is_completed",)

    class Mutant(OpenAICompatible):
        def decode_completion(self, request, reply):
            response = super().decode_completion(request, reply)
            return response.model_copy(update={"message": create_answer(response.text.strip())})


class TestUsesRandomness(Correct):
    caught_by = ("test_service_requests_are_deterministic",)

    class Mutant(OpenAICompatible):
        def encode_models(self):
            return replace(super().encode_models(), url=f"https://acme.example/v1/models?{uuid.uuid4()}")


class TestOmitsVendorMessage(Correct):
    caught_by = ("test_service_raises_the_same_error",)
    Mutant = change_errors(lambda error, _: set_attributes(error, message="Something went wrong."))
