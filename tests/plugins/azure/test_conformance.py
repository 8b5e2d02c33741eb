"""The conformance suite for Azure's plugin, with each form of its addresses."""

from budwood_testing import OpenAIChatExamples, ProviderSuite, WireReply


class AzureExamples(OpenAIChatExamples):
    request_id_header = "apim-request-id"

    def content_filter_error(self, message):
        """
        Return an error of Azure's content filter.
        """
        filter_result = {"violence": {"filtered": True, "severity": "high"}}
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": filter_result}
        error = {"message": message, "type": None, "param": "prompt", "code": "content_filter", "innererror": inner}
        return WireReply(status=400, body={"error": error})


class TestAzure(ProviderSuite):
    plugin = "azure"
    strict = True
    examples = AzureExamples()

    def settings(self, folder):
        """
        Return settings of an endpoint without a version.
        """
        return {"base_url": "https://acme.openai.azure.com", "offers": ["count_tokens", "moderation"]}


class TestAzureDeployments(ProviderSuite):
    plugin = "azure"
    strict = True
    examples = AzureExamples()

    def settings(self, folder):
        """
        Return settings of an endpoint with a version and deployments.
        """
        return {"base_url": "https://acme.openai.azure.com", "api_version": "2024-10-21"}


class TestFoundry(ProviderSuite):
    plugin = "azure"
    strict = True
    examples = AzureExamples()

    def settings(self, folder):
        """
        Return settings of a Foundry endpoint.
        """
        return {"base_url": "https://acme.services.ai.azure.com/models", "api_version": "2024-05-01-preview"}
