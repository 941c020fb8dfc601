"""The tasks that come with the package: MIB's, greater-than, and arithmetic digit by digit."""

from functools import partial

from mib.tasks import arc, arithmetic, digit_arithmetic, greater_than, ioi, mcqa, ravel
from mib.tasks.hub_data import HubData
from mib.tasks.registry import register
from mib.tasks.task import Task

_MIB = "Mueller et al. 2025, arXiv 2504.13151"

IOI = register(
    Task(
        name="ioi",
        description="Mary and John met. John gave a pen to → Mary",
        source=f"Wang et al. 2022, arXiv 2211.00593; {_MIB}",
        families=ioi.FAMILIES,
        default_family="s2_io_flip",
        parse=ioi.parse,
        draw=ioi.draw,
        words=ioi.vocabulary,
        causal_model=ioi.CAUSAL_MODEL,
        variables=("output_token", "output_position"),
        positions=("name_A", "name_B", "name_C", "IO", "S1", "S2"),
        hub=HubData("mib-bench/ioi", "e5f3468f3af4c0883be35cd3bced8c711c95d286"),
        contrast=ioi.subject,
    )
)
GREATER_THAN = register(
    Task(
        name="greater-than",
        description="from the year 1732 to the year 17 → 33 to 99",
        source="Hanna et al. 2023, arXiv 2305.00586",
        families=greater_than.FAMILIES,
        default_family="corrupted",
        parse=greater_than.parse,
        draw=greater_than.draw,
        words=greater_than.vocabulary,
        causal_model=greater_than.CAUSAL_MODEL,
        positions=("start", "century"),
        single_token=True,
        contrast=greater_than.earlier,
        candidates=greater_than.CANDIDATES,
        prompt_column="clean",
    )
)
ADDITION = register(
    Task(
        name="arithmetic-addition",
        description="How much is 27 plus 35? → 62",
        source=f"Stolfo et al. 2023, arXiv 2305.15054; {_MIB}",
        families=arithmetic.FAMILIES["+"],
        default_family="random",
        parse=arithmetic.parse_addition,
        draw=arithmetic.draw_addition,
        words=arithmetic.vocabulary_addition,
        causal_model=arithmetic.ADDITION_MODEL,
        variables=("ones_carry",),
        positions=("op1_last", "op2_last"),
        hub=HubData("mib-bench/arithmetic_addition", "d56d68b7b1d8f9c7e9a262ec1f89331ed52c7516"),
        single_token=True,
    )
)
SUBTRACTION = register(
    Task(
        name="arithmetic-subtraction",
        description="How much is 62 minus 35? → 27",
        source=f"Stolfo et al. 2023, arXiv 2305.15054; {_MIB}",
        families=arithmetic.FAMILIES["-"],
        default_family="random",
        parse=arithmetic.parse_subtraction,
        draw=arithmetic.draw_subtraction,
        words=arithmetic.vocabulary_subtraction,
        causal_model=arithmetic.SUBTRACTION_MODEL,
        variables=("ones_borrow",),
        positions=("op1_last", "op2_last"),
        hub=HubData("mib-bench/arithmetic_subtraction", None),
        single_token=True,
    )
)
_COLUMNS: tuple[tuple[arithmetic.Operator, digit_arithmetic.Place, str, str, str, tuple[str, ...]], ...] = (
    ("+", "ones", "7 + 5 , 2 + 3", "", "2", ("ones_sum",)),
    ("+", "tens", "7 + 5 , 2 + 3", "2 ", "6", ("ones_carry", "tens_sum")),
    ("+", "hundreds", "7 + 5 , 2 + 3", "2 6 ", "0", ("tens_sum",)),
    ("-", "ones", "2 - 5 , 6 - 3", "", "7", ("ones_difference",)),
    ("-", "tens", "2 - 5 , 6 - 3", "7 ", "2", ("ones_borrow", "tens_difference")),
)
DIGITS = tuple(
    register(
        Task(
            name=f"digits-{place}" if operator == "+" else f"digits-subtraction-{place}",
            description=f"{columns} = {written}→ {answer}",
            source="Lee et al. 2023, arXiv 2307.03381; Quirke and Barez 2023, arXiv 2310.13121",
            families=arithmetic.FAMILIES[operator],
            default_family="random",
            parse=digit_arithmetic.PARSE[operator, place],
            draw=digit_arithmetic.DRAW[operator, place],
            words=partial(digit_arithmetic.vocabulary, operator),
            causal_model=digit_arithmetic.CAUSAL_MODELS[operator, place],
            variables=variables,
            positions=digit_arithmetic.POSITIONS,
            single_token=True,
        )
    )
    for operator, place, columns, written, answer, variables in _COLUMNS
)
MCQA = register(
    Task(
        name="mcqa",
        description="The box is brown. ... A. gray B. brown → B",
        source=f"Wiegreffe et al. 2024, arXiv 2407.15018; {_MIB}",
        families=mcqa.FAMILIES,
        default_family="symbol",
        parse=mcqa.parse,
        draw=mcqa.draw,
        words=mcqa.vocabulary,
        causal_model=mcqa.CAUSAL_MODEL,
        variables=("answer_pointer", "answer"),
        positions=("correct_symbol", "correct_symbol_period"),
        hub=HubData("mib-bench/copycolors_mcqa", "682676b0e80d3a80e847a21810157710c1f23e27", config="4_answer_choices"),
    )
)
ARC_EASY, ARC_CHALLENGE = (
    register(
        Task(
            name=f"arc-{level}",
            description=f"science exams, {level}; needs a data set",
            source=f"Clark et al. 2018, arXiv 1803.05457; {_MIB}",
            families=arc.FAMILIES,
            default_family="symbol",
            parse=arc.parse,
            causal_model=mcqa.CAUSAL_MODEL,
            variables=("answer_pointer", "answer"),
            positions=("correct_symbol", "correct_symbol_period"),
            hub=HubData(f"mib-bench/arc_{level}", revision),
        )
    )
    for level, revision in (("easy", "be6999b975e8348387cc9a21f3c8b6be8021e7d6"), ("challenge", None))
)
RAVEL = register(
    Task(
        name="ravel",
        description="Paris is a city in the country of → France",
        source=f"Huang et al. 2024, arXiv 2402.17700; {_MIB}",
        families=ravel.FAMILIES,
        default_family="attribute",
        parse=ravel.parse,
        draw=ravel.draw,
        words=ravel.vocabulary,
        causal_model=ravel.CAUSAL_MODEL,
        variables=ravel.ATTRIBUTES,
        positions=("entity_last_token",),
        hub=HubData("mib-bench/ravel", "53dc7a4dbe84276567b895d8fb608b3f169b9276", splits={"validation": "val"}),
        contrast=ravel.of_source_city,
        isolates=ravel.asks_for_another,
    )
)

BUILTIN = (IOI, MCQA, ADDITION, SUBTRACTION, ARC_EASY, ARC_CHALLENGE, RAVEL, GREATER_THAN, *DIGITS)
