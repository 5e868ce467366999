"""The chatbot: answers, and steps aside when a human takes the conversation."""
