"""The service as a class, without a server."""

import pytest
from recommendations import BOOKS, RecommendationService
from recommendations_pb2 import BookCategory, RecommendationRequest
from statuses import InvalidArgument, NotFound


def recommended(category: int, max_results: int) -> list[str]:
    request = RecommendationRequest(user_id=1, category=category, max_results=max_results)
    return [book.title for book in RecommendationService().Recommend(request, None).recommendations]


def test_as_many_books_as_were_asked_for() -> None:
    assert len(recommended(BookCategory.MYSTERY, 1)) == 1


@pytest.mark.parametrize("category", BookCategory.values())
def test_different_books_of_the_category_and_of_no_other(category: int) -> None:
    titles = recommended(category, 100)
    assert sorted(titles) == sorted(BOOKS[category].values())


def test_none_for_none() -> None:
    assert recommended(BookCategory.SELF_HELP, 0) == []


def test_a_category_without_books_is_not_found() -> None:
    with pytest.raises(NotFound, match="Category not found"):
        recommended(7, 1)


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="max_results must not be negative"):
        recommended(BookCategory.MYSTERY, -1)


def test_the_answer_names_its_replica() -> None:
    answer = RecommendationService("replica-2").Recommend(RecommendationRequest(), None)
    assert answer.replica == "replica-2"
