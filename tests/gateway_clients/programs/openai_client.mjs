// What programs do with OpenAI's SDK for Node; prints what they see as JSON.

import OpenAI from "openai";

const ask = [{ role: "user", content: "What is grafting?" }];
const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const schema = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
const person = { type: "json_schema", json_schema: { name: "person", schema } };

const client = new OpenAI({ maxRetries: 0 });
const chats = client.chat.completions;
const seen = {};

const plain = await chats.create({ model: "fast", messages: ask, temperature: 0 });
seen["plain"] = plain.choices[0].message.content;
seen["usage"] = plain.usage.total_tokens;

const options = { include_usage: true };
let text = "";
let usage;
for await (const chunk of await chats.create({ model: "fast", messages: ask, stream: true, stream_options: options })) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
seen["streamed"] = text.trim();
seen["streamed usage"] = usage.total_tokens;

const called = await chats.create({ model: "fast", messages: ask, tools: [weather] });
const call = called.choices[0].message.tool_calls[0];
seen["tool"] = [call.function.name, JSON.parse(call.function.arguments)];
const result = { role: "tool", tool_call_id: call.id, content: "sunny" };
const history = [...ask, called.choices[0].message, result];
const after = await chats.create({ model: "fast", messages: history, tools: [weather] });
seen["after tool"] = after.choices[0].message.content;

const structured = await chats.create({ model: "fast", messages: ask, response_format: person });
seen["structured"] = JSON.parse(structured.choices[0].message.content).name;

const reply = await client.responses.create({ model: "fast", input: "What is grafting?" });
seen["responses"] = reply.output_text;
const kinds = [];
for await (const event of await client.responses.create({ model: "fast", input: "What is grafting?", stream: true })) {
  kinds.push(event.type);
}
seen["responses streamed"] = [kinds[0], kinds.at(-1)];

const embedded = await client.embeddings.create({ model: "fast", input: "tree" });
seen["embedding"] = embedded.data[0].embedding.map((number) => Number(number.toFixed(3)));

const names = [];
for await (const model of client.models.list()) {
  names.push(model.id);
}
seen["models"] = names.includes("fast");

try {
  await chats.create({ model: "fats", messages: ask });
} catch (error) {
  seen["unknown model"] = [error.code, error.error.hint.includes("fast"), Boolean(error.requestID)];
}
try {
  await new OpenAI({ apiKey: "wrong", maxRetries: 0 }).models.list();
} catch (error) {
  seen["wrong key"] = error.code;
}
console.log(JSON.stringify(seen));
